#include "base/error.hpp"
#include "parser/syntax.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace conductor::parser;
using Words = std::vector<std::string>;

namespace {

std::string show(const PortMapping& p) {
  return p.host_ip + " " + std::to_string(p.host_port) + " " + std::to_string(p.container_port) + " x" +
         std::to_string(p.count) + " " + p.protocol +
         (p.last_host_port == 0 ? "" : " to " + std::to_string(p.last_host_port));
}

std::string show(const PeerReference& p) {
  return p.peer + " " + std::to_string(p.first_port) + "-" + std::to_string(p.last_port) + " " + p.protocol;
}

std::string show(const VolumeMount& m) {
  static constexpr const char* kinds[] = {"bind", "named", "anonymous", "tmpfs"};
  return std::string(kinds[static_cast<int>(m.kind)]) + " " + m.source + " " + m.target + (m.read_only ? " ro" : "") +
         (m.size != 0 ? " " + std::to_string(m.size) : "") + (m.inodes != 0 ? " i" + std::to_string(m.inodes) : "") +
         (m.propagation.empty() ? "" : " " + m.propagation);
}

template <class Parse>
std::string failure(Parse parse, const std::string& text) {
  try {
    parse(text);
  } catch (const conductor::base::Error& error) {
    return error.what();
  }
  return "none";
}

std::string env(const std::string& text) {
  std::string out;
  for (const auto& variable : parse_env_file(text, "v.env"))
    out += variable.name + (variable.value ? "=" + *variable.value : "") + ";";
  return out;
}

}  // namespace

TEST_CASE("published ports") {
  CHECK(show(parse_port_mapping("8080")) == " 0 8080 x1 tcp");
  CHECK(show(parse_port_mapping("3000:8080")) == " 3000 8080 x1 tcp");
  CHECK(show(parse_port_mapping("3000:8080/UDP")) == " 3000 8080 x1 udp");
  CHECK(show(parse_port_mapping("127.0.0.1:3000:8080/udp")) == "127.0.0.1 3000 8080 x1 udp");
  CHECK(show(parse_port_mapping("127.0.0.1::8080")) == "127.0.0.1 0 8080 x1 tcp");
  CHECK(show(parse_port_mapping("0:80")) == " 0 80 x1 tcp");
  CHECK(show(parse_port_mapping("9000-9010:8000-8010")) == " 9000 8000 x11 tcp");
  CHECK(show(parse_port_mapping("127.0.0.1:8000-8010:80/udp")) == "127.0.0.1 8000 80 x1 udp to 8010");
  CHECK(show(parse_port_mapping("8000-8000:80")) == " 8000 80 x1 tcp");
  CHECK(show(parse_port_mapping("[::1]:80:80")) == "::1 80 80 x1 tcp");
  CHECK(show(parse_port_mapping("::1:80:81")) == "::1 80 81 x1 tcp");
  for (const char* bad : {"", ":80", "x", "0", "65536", "80:", "-1", "1-", "5-3", "80:80/", "80/icmp", "[::1:80:80",
                          "1.2.3:1:2", " 80", "80 ", "+80", "0x50", "1:2:3:4", "80/tcp/udp"})
    CHECK_THROWS_AS(parse_port_mapping(bad), conductor::base::Error);
  CHECK_THAT(failure(parse_port_mapping, "80/icmp"), Contains("expected tcp or udp"));
}

TEST_CASE("peers") {
  CHECK(show(parse_peer("db")) == "db 0-0 any");
  CHECK(show(parse_peer("db:5432")) == "db 5432-5432 tcp");
  CHECK(show(parse_peer("db:53/udp")) == "db 53-53 udp");
  CHECK(show(parse_peer("db:9000-9100")) == "db 9000-9100 tcp");
  CHECK(show(parse_peer("shop/web:80")) == "shop/web 80-80 tcp");
  for (const char* bad : {"", ":1", "a:", "a:0", "a:2-1", "/a", "a/", "a/b/c", "a b", "a:1:2", "a:1/x"})
    CHECK_THROWS_AS(parse_peer(bad), conductor::base::Error);
}

TEST_CASE("volumes") {
  CHECK(show(parse_volume("/host:/in")) == "bind /host /in");
  CHECK(show(parse_volume("./rel:/in:ro")) == "bind ./rel /in ro");
  CHECK(show(parse_volume("~/x:/in:ro,rshared")) == "bind ~/x /in ro rshared");
  CHECK(show(parse_volume("name:/in:rw")) == "named name /in");
  CHECK(show(parse_volume("/in")) == "anonymous  /in");
  for (const char* bad : {"", "x", "a:b", ":/x", "a:/", "a b:/x", "-a:/x", "a/b:/x", "/a:/b:c", "/a:/b:ro:rw",
                          "n:/b:rshared", "/a:/b:U", "/a:/b:nocopy"})
    CHECK_THROWS_AS(parse_volume(bad), conductor::base::Error);
}

TEST_CASE("mounts and tmpfs") {
  CHECK(show(parse_mount("type=bind,source=/a,target=/b,readonly")) == "bind /a /b ro");
  CHECK(show(parse_mount("type=bind,src=/a,dst=/b,ro=false,bind-propagation=rslave")) == "bind /a /b rslave");
  CHECK(show(parse_mount("source=v,destination=/b")) == "named v /b");
  CHECK(show(parse_mount("type=volume,target=/b")) == "anonymous  /b");
  CHECK(show(parse_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-inodes=10")) == "tmpfs  /t 1048576 i10");
  CHECK(show(parse_tmpfs("/t")) == "tmpfs  /t");
  CHECK(show(parse_tmpfs("/t:size=64m,nr_inodes=1k,ro")) == "tmpfs  /t ro 67108864 i1024");
  const auto tmpfs = parse_tmpfs("/t:mode=0750,exec,nosuid,nodev");
  CHECK(tmpfs.mode == 0750);
  CHECK(tmpfs.allow_exec);
  const auto part = parse_mount("source=v,target=/b,volume-subpath=a/b,volume-nocopy,volume-driver=local");
  CHECK(part.subpath == "a/b");
  CHECK_FALSE(part.copy);
  CHECK_FALSE(parse_volume("name:/in:nocopy").copy);
  CHECK(parse_volume("/a:/b:z,ro").relabel);
  CHECK_FALSE(parse_mount("type=bind,source=/a,target=/b,bind-recursive=disabled").recursive);
  CHECK(parse_mount("type=tmpfs,target=/t,tmpfs-mode=1700,tmpfs-exec").mode == 01700);
  CHECK_THAT(failure(parse_mount, "source=v,target=/b,volume-driver=nfs"), Contains("no volume driver 'nfs'"));
  CHECK_THAT(failure(parse_mount, "source=v,target=/b,volume-subpath=../x"), Contains("without '..'"));
  CHECK_THAT(failure(parse_tmpfs, "/t:suid"), Contains("neither set-user-ID"));
  CHECK_THAT(failure(parse_mount, "type=bind,sorce=/a,target=/b"), Contains("did you mean 'source'"));
  for (const char* bad :
       {"", "type=bind,target=/b", "type=tmpfs,source=/a,target=/b", "type=npipe,target=/b", "target=b",
        "type=bind,source=/a", "source=v,target=/b,bind-propagation=shared",
        "type=bind,source=/a,target=/b,bind-propagation=x", "type=bind,source=/a,target=/b,tmpfs-size=1",
        "type=tmpfs,target=/t,tmpfs-size=x", "source=v,target=/b,ro=maybe", "type=tmpfs,target=/t,tmpfs-mode=8",
        "type=tmpfs,target=/t,volume-nocopy", "type=bind,source=/a,target=/b,volume-subpath=x",
        "source=v,target=/b,bind-nonrecursive", "source=v,target=/b,tmpfs-mode=700", "source=v,target=/b,volume-opt=x",
        "type=bind,source=/a,target=/b,bind-recursive=writable", "source=v,target=/b,volume-subpath=/x"})
    CHECK_THROWS_AS(parse_mount(bad), conductor::base::Error);
  for (const char* bad : {"", "t", "/t:", "/t:size", "/t:mode=9", "/t:mode=", "/t:dev"})
    CHECK_THROWS_AS(parse_tmpfs(bad), conductor::base::Error);
}

TEST_CASE("words of a command line") {
  CHECK(split_words("").empty());
  CHECK(split_words(" a  b\tc\n") == Words{"a", "b", "c"});
  CHECK(split_words("a 'b c' \"d e\" f\\ g") == Words{"a", "b c", "d e", "f g"});
  CHECK(split_words("'' \"\"") == Words{"", ""});
  CHECK(split_words("a'b'\"c\"d") == Words{"abcd"});
  CHECK(split_words("\"\\\" \\n \\$x\" '\\'") == Words{"\" \\n $x", "\\"});
  CHECK(split_words("$HOME * ; | #x") == Words{"$HOME", "*", ";", "|", "#x"});
  CHECK_THAT(failure(split_words, "a 'b"), Contains("a quote is not closed"));
}

TEST_CASE("environment files") {
  CHECK(env("") == "");
  CHECK(env("A=1\nB = two words  # comment\r\n\n# C=3\n  D=a#b\nE") == "A=1;B=two words;D=a#b;E;");
  CHECK(env("export A=1\nexport\nexported=2\n") == "A=1;export;exported=2;");
  CHECK(env("A='$x \\n'\nB=\"a\\n\\\"b\\\"\\\\\" # c\n") == "A=$x \\n;B=a\n\"b\"\\;");
  CHECK(env("A=\"one\ntwo\"\nB=\nC=''\n") == "A=one\ntwo;B=;C=;");
  CHECK(env("\xef\xbb\xbf"
            "A=1") == "A=1;");
  const auto parse = [](const std::string& text) { return parse_env_file(text, "v.env"); };
  CHECK_THAT(failure(parse, "A=1\n=2\n"), Contains("v.env:2:1: error: expected the name of a variable"));
  CHECK_THAT(failure(parse, "A B\n"), Contains("v.env:1:3: error: expected '=' after 'A'"));
  CHECK_THAT(failure(parse, "A=\"x\n"), Contains("v.env:1:3: error: the quote is not closed"));
  CHECK_THAT(failure(parse, "A='x' y\n"), Contains("v.env:1:7: error: expected the end of the line"));
}

TEST_CASE("hosts with their addresses, and name servers") {
  const auto entry = [](const std::string& text) {
    const auto host = parse_extra_host(text);
    return host.name + " " + host.address;
  };
  CHECK(entry("db:192.0.2.1") == "db 192.0.2.1");
  CHECK(entry("db.test=2001:db8::1") == "db.test 2001:db8::1");
  CHECK(entry("db:[2001:db8::1]") == "db 2001:db8::1");
  // A line break would make a line of its own in /etc/hosts.
  for (const char* bad : {"", "db", ":192.0.2.1", "db:", "db:here", "a b:192.0.2.1", "db:192.0.2.1\n192.0.2.2 other",
                          "db\n:192.0.2.1", "db:192.0.2.1 "})
    CHECK_THROWS_AS(parse_extra_host(bad), conductor::base::Error);
  CHECK_THROWS_AS(parse_extra_host(std::string("db:192.0.2.1\0", 13)), conductor::base::Error);
  CHECK_NOTHROW(check_name_server("2001:db8::53"));
  CHECK_THROWS_WITH(check_name_server("192.0.2.1\nsearch test"),
                    "'192.0.2.1\\nsearch test' is no IP address of a name server");
}

TEST_CASE("destinations outside") {
  const auto shown = [](const std::string& text) {
    const Destination d = parse_destination(text);
    return d.to + " " + std::to_string(d.ports.first) + "-" + std::to_string(d.ports.last) + "/" + d.ports.protocol;
  };
  CHECK(shown("203.0.113.0/24") == "203.0.113.0/24 0-0/any");
  CHECK(shown("192.0.2.1:53/udp") == "192.0.2.1 53-53/udp");
  CHECK(shown("2001:DB8::1") == "2001:db8::1 0-0/any");
  CHECK(shown("[2001:db8::]/32:443") == "2001:db8::/32 443-443/any");
  CHECK(shown("[2001:db8::/32]:1-2/tcp") == "2001:db8::/32 1-2/tcp");
  CHECK(shown("API.example.org.:443") == "api.example.org 443-443/any");
  CHECK(shown("*.example.org") == "*.example.org 0-0/any");
  for (const char* bad :
       {"", "*", "a.*.org", "1.2.3", "1.2.3.4/33", "::1/129", "x:", "x:0", "x:1/icmp", "[::1", "a b"}) {
    CAPTURE(bad);
    CHECK(failure(parse_destination, bad) != "none");
  }
}

TEST_CASE("subnets") {
  CHECK(parse_subnet("172.28.0.0/16") == "172.28.0.0/16");
  CHECK(parse_subnet("FD00:1:0::/64") == "fd00:1::/64");
  CHECK_THAT(failure(parse_subnet, "172.28.1.0/16"), Contains("did you mean 172.28.0.0/16?"));
  for (const char* bad : {"", "172.28.0.0", "172.28.0.0/31", "172.28.0.0/0", "x/8", "fd00::/127", "fd00::1/64"}) {
    CAPTURE(bad);
    CHECK(failure(parse_subnet, bad) != "none");
  }
  CHECK(subnet_contains("172.28.0.0/16", "172.28.255.1"));
  CHECK_FALSE(subnet_contains("172.28.0.0/16", "172.29.0.1"));
  CHECK(subnet_contains("fd00:1::/64", "fd00:1::5"));
  CHECK_FALSE(subnet_contains("fd00:1::/64", "172.28.0.1"));
}
