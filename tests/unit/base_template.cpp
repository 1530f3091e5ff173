#include "base/error.hpp"
#include "base/template.hpp"
#include "support/catch.hpp"

using conductor::base::Json;
using conductor::base::Template;

namespace {

const Json& sample() {
  static const Json value =
      Json::parse(R"({"Name":"web","Empty":"","Count":3,"Ratio":1.5,"On":true,"Off":false,"None":null,
    "Bad":"a\u001b[31m","Config":{"Image":"box","Labels":{"a.b":"1","c":"2"}},
    "Mounts":[{"Source":"/x","RW":true},{"Source":"/y","RW":false}],"Words":["p","q"],"Nothing":[]})");
  return value;
}

std::string expand(const char* text) { return Template(text).expand(sample()); }

}  // namespace

TEST_CASE("template: fields, variables and what Go prints") {
  CHECK(expand("{{.Name}} {{ .Config.Image }}") == "web box");
  CHECK(expand("{{.Count}} {{.Ratio}} {{.On}} [{{.None}}]") == "3 1.5 true []");
  CHECK(expand("{{.Words}} {{.Config.Labels}}") == "[p q] map[a.b:1 c:2]");
  CHECK(expand("{{$x := .Config}}{{$x.Image}}{{$.Name}}") == "boxweb");
  CHECK(expand("{{.Name}}\\t{{.Count}}\\n") == "web\t3\n");
  CHECK(expand("a {{- /* nothing */ -}} b {{- .Name -}} c") == "abwebc");
  CHECK(expand("{{\"a}}\\\"b\"}}{{`c\\d`}}") == "a}}\"bc\\d");
}

TEST_CASE("template: if, with, range and their else") {
  CHECK(expand("{{if .On}}yes{{else}}no{{end}}{{if .Empty}}yes{{else}}no{{end}}") == "yesno");
  CHECK(expand("{{if .Off}}a{{else if .None}}b{{else if eq .Count 3}}c{{else}}d{{end}}!") == "c!");
  CHECK(expand("{{with .Config}}{{.Image}}{{end}}{{with .None}}x{{else}}none{{end}}") == "boxnone");
  CHECK(expand("{{range .Mounts}}{{if .RW}}{{.Source}}{{end}}{{end}}") == "/x");
  CHECK(expand("{{range $i, $m := .Mounts}}{{$i}}={{$m.Source}};{{end}}") == "0=/x;1=/y;");
  CHECK(expand("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}") == "a.b=1 c=2 ");
  CHECK(expand("{{range .Nothing}}x{{else}}empty{{end}}") == "empty");
  CHECK(expand("{{$n := 0}}{{range .Words}}{{$n = .}}{{end}}{{$n}}") == "q");
}

TEST_CASE("template: functions, pipelines and parentheses") {
  CHECK(expand("{{json .Config}}") == R"({"Image":"box","Labels":{"a.b":"1","c":"2"}})");
  CHECK(expand("{{index .Config.Labels \"a.b\"}}{{index .Config.Labels \"z\"}}{{index .Words 1}}") == "1q");
  CHECK(expand("{{(index .Mounts 1).Source}}") == "/y");
  CHECK(expand("{{len .Words}}{{len .Name}} {{join .Words \", \"}} {{index (split \"a/b\" \"/\") 1}}") == "23 p, q b");
  CHECK(expand("{{.Name | upper | printf \"%-5s|%5s\" .Name}}") == "web  |  WEB");
  CHECK(expand("{{printf \"%d %03d %x %.1f %q %t %%\" .Count .Count 255 .Ratio .Name .On}}") ==
        "3 003 ff 1.5 \"web\" true %");
  CHECK(expand("{{println .Name .Count}}{{print 1 2 \"a\" \"b\" 3}}") == "web 3\n1 2ab3");
  CHECK(expand("{{title \"an example\"}} {{lower \"ABC\"}} {{truncate .Name 2}} {{pad .Name 1 2}}|") ==
        "An Example abc we  web  |");
  CHECK(expand("{{and .On .Count}}{{or .Empty .Name}}{{not .On}}{{and .Off .Missing}}") == "3webfalsefalse");
  CHECK(expand("{{eq .Name \"a\" \"web\"}}{{ne .Count 3}}{{lt 1 2}}{{ge 1 2}}{{le \"a\" \"a\"}}{{gt .Ratio 1}}") ==
        "truefalsetruefalsetruetrue");
}

TEST_CASE("template: a label by its name") {
  const auto value = conductor::base::Json::parse(R"({"Label":{"a.b":"1,2","bad":"\u001b[31m"}})");
  const auto shown = [&](const char* text) { return conductor::base::Template(text).expand(value); };
  CHECK(shown("{{.Label \"a.b\"}}|{{.Label \"none\"}}|{{$.Label \"a.b\" | len}}") == "1,2||3");
  CHECK(shown("{{.Label \"bad\"}}").find('\x1b') == std::string::npos);
  CHECK_THROWS_WITH(expand("{{.Label \"a\"}}"), Contains("no field 'Label'"));
  CHECK_THROWS_WITH(shown("{{.Label \"a\" \"b\"}}"), Contains("is no function"));
}

TEST_CASE("template: text of others cannot steer a terminal, whatever way it takes") {
  for (const char* text : {"{{.Bad}}", "{{json .Bad}}", "{{print .Bad}}", "{{printf \"%s\" .Bad}}", "{{println .Bad}}",
                           "{{upper .Bad}}", "{{join (split .Bad \"[\") \"\"}}", "{{range $k, $v := .}}{{$v}}{{end}}",
                           "{{index . \"Bad\"}}", "{{.}}", "{{truncate .Bad 99}}", "{{with $b := .Bad}}{{$b}}{{end}}"})
    CHECK(expand(text).find('\x1b') == std::string::npos);
}

TEST_CASE("template: mistakes are named, with what was probably meant") {
  CHECK_THROWS_WITH(expand("{{.Nam}}"), Contains("no field 'Nam'; did you mean 'Name'"));
  CHECK_THROWS_WITH(expand("{{.Config.Zzz}}"), Contains("known are Image, Labels"));
  CHECK_THROWS_WITH(expand("{{jsn .}}"), Contains("no function 'jsn'; did you mean 'json'"));
  CHECK_THROWS_WITH(expand("{{$y}}"), Contains("no variable '$y'"));
  CHECK_THROWS_WITH(expand("{{index .Words 7}}"), Contains("index 7 of a list of 2"));
  CHECK_THROWS_WITH(expand("{{printf \"%d\" .Name}}"), Contains("%d takes a whole number"));
  CHECK_THROWS_WITH(expand("{{printf \"%s\"}}"), Contains("no value for %s"));
  CHECK_THROWS_WITH(expand("{{template \"x\"}}"), Contains("not supported"));
  for (const char* bad :
       {"{{", "{{.Name", "{{}}", "{{end}}", "{{else}}", "{{if .On}}", "{{range .Words}}{{if .}}{{end}}",
        "{{.Name .Count}}", "{{\"x}}", "{{(.Name}}", "{{join .Words}}", "{{lt .Name 1}}", "{{1.5}}",
        "{{.Name | .Count}}", "{{range .Name}}{{end}}", "{{json}}", "{{if .On}}{{else x}}{{end}}"})
    CHECK_THROWS_AS(expand(bad), conductor::base::Error);
}
