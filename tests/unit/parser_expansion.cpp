#include "parser/conductorfile.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace conductor::parser;
using conductor::base::SourceError;
using Words = std::vector<std::string>;

namespace {

std::optional<std::string> variable(const std::string& name) {
  if (name == "x") return "value";
  if (name == "path") return "a/b/c.tar.gz";
  if (name == "star") return "*a*b?c\\?";
  if (name == "brackets") return "[a]b.(x})";
  if (name == "wide") return "äöü";
  if (name == "slash") return "/";
  if (name == "a") return "a";
  if (name == "äö") return "letters";
  if (name == "empty") return "";
  if (name == "two") return "80 81";
  if (name == "quoted") return "'kept' \"as is\" $x";
  if (name == "big") return std::string(600'000, 'b');
  return std::nullopt;
}

std::string expanded(const std::string& text, char escape = '\\') {
  return expand({text, {"f", 1, 10}}, variable, escape);
}
Words expanded_words(const std::string& text) { return expand_words({text, {}}, variable); }

std::string failure(const std::string& text) {
  try {
    expanded(text);
  } catch (const SourceError& error) {
    return error.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("variables of a Conductorfile's words") {
  CHECK(expanded("") == "");
  CHECK(expanded("a$x-b") == "avalue-b");
  CHECK(expanded("a${x}b") == "avalueb");
  CHECK(expanded("$xy|$unset|") == "||");
  CHECK(expanded("$") == "$");
  CHECK(expanded("a$,") == "a$,");
  CHECK(expanded("$1$@$?|$$|$-$!$#$*|$12x|${1}${@}") == "|||x|");
  CHECK(expanded("$(ls) $'x' $\"x\"") == "$(ls) $x $x");
}

TEST_CASE("modifiers of variables") {
  CHECK(expanded("${x:-w}|${empty:-w}|${unset:-w}") == "value|w|w");
  CHECK(expanded("${x-w}|${empty-w}|${unset-w}") == "value||w");
  CHECK(expanded("${x:+w}|${empty:+w}|${unset:+w}") == "w||");
  CHECK(expanded("${x+w}|${empty+w}|${unset+w}") == "w|w|");
  CHECK(expanded("${x:?m}|${empty?m}") == "value|");
  CHECK(expanded("${unset:-${empty:-$x}}") == "value");
  CHECK(expanded("${unset:-\"}\"}") == "}");
  CHECK(expanded("${x:-${unset:?never used}}") == "value");
  CHECK_THAT(failure("${empty:?no $x}"), Contains("empty: no value"));
  CHECK_THAT(failure("${unset?}"), Contains("unset: the variable is not set"));
}

TEST_CASE("patterns take away the beginning or the end of a value") {
  CHECK(expanded("${path#*/}|${path##*/}|${path%/*}|${path%%/*}") == "b/c.tar.gz|c.tar.gz|a/b|a");
  CHECK(expanded("${path%.*}|${path%%.*}|${path#nothing}|${path%nothing}") ==
        "a/b/c.tar|a/b/c|a/b/c.tar.gz|a/b/c.tar.gz");
  CHECK(expanded("${path#?}|${path#a?b}|${path%g?}|${path#}|${path##}|${path%}") ==
        "/b/c.tar.gz|/c.tar.gz|a/b/c.tar.|a/b/c.tar.gz|a/b/c.tar.gz|a/b/c.tar.gz");
  CHECK(expanded("${path##*}|${path#*}|${path%%*}|${path%*}") == "|a/b/c.tar.gz||a/b/c.tar.gz");
  CHECK(expanded("${unset#x}${unset%x}${empty##*}") == "");
  CHECK(expanded("${star#\\*}|${star%\\?}|${star##*\\*}|${star#*b*c}") == "a*b?c\\?|*a*b?c\\|b?c\\?|\\?");
  CHECK(expanded("${brackets#[a]}|${brackets%.(x\\})}") == "b.(x})|[a]b");  // brackets mean themselves
  CHECK(expanded("${path#${slash}}|${path#$a/}|${path#'a/'}|${path#\"$a/b\"}") ==
        "a/b/c.tar.gz|b/c.tar.gz|b/c.tar.gz|/c.tar.gz");
  CHECK(expanded("${wide%?}|${wide#?}") == "äö|öü");
  CHECK(expanded("${x:#val}") == "ue");
}

TEST_CASE("patterns replace parts of a value") {
  CHECK(expanded("${path/b/X}|${path//./-}|${path/nothing/X}|${path//a/}") ==
        "a/X/c.tar.gz|a/b/c-tar-gz|a/b/c.tar.gz|/b/c.tr.gz");
  CHECK(expanded("${path/\\//:}|${path//\\//:}|${path/$slash/:}") == "a:b/c.tar.gz|a:b:c.tar.gz|a:b/c.tar.gz");
  CHECK(expanded("${path/*/X}|${path//?/X}|${path/b*c/X}|${path/a*./X}") == "X|XXXXXXXXXXXX|a/X.tar.gz|Xgz");
  CHECK(expanded("${path/c.*/$x}|${path/c.*/\\/}|${path/b/\"}\"}") == "a/b/value|a/b/\\/|a/}/c.tar.gz");
  CHECK(expanded("${a/$empty/w}|${a//$empty/w}|${unset/a/b}|${path///x}") == "wa|waw||xax/xbx/xcx.xtxaxrx.xgxzx");
}

TEST_CASE("quotes and escapes in words") {
  CHECK(expanded("'$x'") == "$x");
  CHECK(expanded("\"$x\"") == "value");
  CHECK(expanded("\\$x") == "$x");
  CHECK(expanded("\"\\$x \\\" \\a\"") == "$x \" \\a");
  CHECK(expanded("'a\\'b") == "a\\b");
  CHECK(expanded("a\\ b\\\\") == "a b\\");
  CHECK(expanded("end\\") == "end");
  CHECK(expanded("`$x c:\\dir", '`') == "$x c:\\dir");
  CHECK(expanded("$äö/$äö한") == "letters/");  // letters of any language belong to a name
  CHECK(expanded("${unset:-\\$x:}y ${unset:-\\${x}z}y") == "$x:y ${xz}y");
  CHECK(expanded("${unset:-'}'}${unset:-\\}}") == "}}");
  CHECK(expanded("\"a'$x'\" '\\$x' \"`\"") == "a'value' \\$x `");
  CHECK(expanded("\"`$x `` `\" `n\" `n", '`') == "$x ` \" `n n");
  CHECK(expanded("$quoted") == "'kept' \"as is\" $x");
}

TEST_CASE("variables of a here-document") {
  const auto document = [](const std::string& text) { return expand_document({"EOF", text, true, {}}, variable); };
  CHECK(document("a $x \"${x}\" '$x'\n\\$x \\\\ \\n it's\n") == "a value \"value\" 'value'\n$x \\ n it's\n");
  CHECK(document("\\\n\\$\n") == "\n$\n");
  CHECK(document("${unset:-\"d\"}") == "\"d\"");
  CHECK(document(std::string(100'000, 'a')).size() == 100'000);
}

TEST_CASE("malformed words tell their place") {
  CHECK_THAT(failure("ab'c"), Contains("f:1:12: error: single quote is not closed"));
  CHECK_THAT(failure("ab\"c"), Contains("f:1:12: error: double quote is not closed"));
  CHECK_THAT(failure("a${x"), Contains("f:1:11: error: ${ is not closed"));
  CHECK_THAT(failure("${}"), Contains("expected the name of a variable"));
  for (const char* text : {"${{x}", "${:x}", "${:}", "${.}", "x${}y"})
    CHECK_THAT(failure(text), Contains("expected the name of a variable"));
  for (const char* text : {"${x=y}", "${x:=y}", "${x:y}", "${x:/a/b}", "${x@Q}", "${x^^}", "${#x}", "${12x}", "${x:}"})
    CHECK_THAT(failure(text), Contains("unknown modifier"));
  for (const char* text : {"${", "${x:", "${x:-", "${x:-a", "${x#a", "${x/a/b", "${x:-${y}"})
    CHECK_THAT(failure(text), Contains("${ is not closed"));
  for (const char* text : {"${x//a}", "${x/a}", "${x//}"}) CHECK_THAT(failure(text), Contains("expected '/' and a"));
  for (const char* text : {"${x#\\a}", "${x%a\\b}", "${x/\\a/}"})
    CHECK_THAT(failure(text), Contains("malformed pattern"));
}

TEST_CASE("expansion is bounded") {
  CHECK_THAT(failure("$big$big"), Contains("more than 1 MiB longer"));
  std::string nested;
  for (int i = 0; i < 17; ++i) nested += "${unset:-";
  CHECK_THAT(failure(nested), Contains("nested too deeply"));
  for (int i = 0; i < 200'000; ++i) nested += "${unset:-";
  CHECK_THAT(failure(nested), Contains("nested too deeply"));
}

TEST_CASE("only EXPOSE splits what a variable holds") {
  CHECK(expanded_words("$two") == Words{"80", "81"});
  CHECK(expanded_words("\"$two\"") == Words{"80 81"});
  CHECK(expanded_words("x${two}y") == Words{"x80", "81y"});
  CHECK(expanded_words("$unset").empty());
  CHECK(expanded_words("'' x''y \"\"") == Words{"xy"});  // an empty word is none
  CHECK(expanded_words("a\\ b 'c d'\te") == Words{"a b", "c d", "e"});
  CHECK(expanded_words("${unset:-$two}/udp") == Words{"80", "81/udp"});
  CHECK(expanded("$two") == "80 81");
}

TEST_CASE("names of the variables a text mentions") {
  CHECK(variables_in("$a ${b:-$c} '$d' \\$e $a ${f") == Words{"a", "b", "c", "d", "e", "f"});
  CHECK(variables_in("none $ $1 ${}").empty());
}
