// The part of Go's text/template that people use with docker's --format, on a JSON value:
//   {{.Field.Member}}  {{$x}}  {{json .}}  {{index .Labels "a"}}  {{.Name | upper}}  {{printf "%-10s" .Name}}
//   {{.Label "a"}}, which is {{index .Label "a"}}
//   {{if …}}…{{else if …}}…{{else}}…{{end}}  {{range …}}…{{else}}…{{end}}  {{with …}}…{{end}}
//   {{$name := …}}  {{- trimmed -}}  {{/* comment */}}  \t and \n outside of braces
// Text of the value is shown with control characters escaped, whatever way it takes. Pure.
#pragma once

#include "base/json.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace conductor::base {

class Template {
 public:
  // Throws Error for what is no template: an unknown function, with the one that was probably meant, a missing {{end}}.
  explicit Template(std::string_view text);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  // Throws Error for a field that is not there, with the one that was probably meant, and for values that a function
  // cannot take. What `index` does not find is empty.
  std::string expand(const Json& value) const;

  struct Body;

 private:
  std::unique_ptr<Body> body_;
};

}  // namespace conductor::base
