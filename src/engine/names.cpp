#include "engine/names.hpp"

#include "base/error.hpp"

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace conductor::engine {

namespace {
constexpr std::array<std::string_view, 64> adjectives = {
    "amber",  "ancient", "brave",  "bright", "brisk",   "calm",   "candid", "careful", "cheerful", "clear",  "clever",
    "cool",   "copper",  "cosy",   "crisp",  "curious", "dapper", "dawn",   "deep",    "eager",    "early",  "easy",
    "even",   "fair",    "fleet",  "fond",   "fresh",   "gentle", "glad",   "golden",  "grand",    "green",  "hardy",
    "honest", "humble",  "jolly",  "keen",   "kind",    "light",  "lively", "loyal",   "lucky",    "mellow", "merry",
    "mild",   "neat",    "nimble", "noble",  "patient", "plain",  "proud",  "quick",   "quiet",    "ready",  "silver",
    "smooth", "snug",    "solid",  "steady", "sunny",   "swift",  "tidy",   "warm",    "witty"};
constexpr std::array<std::string_view, 64> nouns = {
    "adagio",  "allegro",  "anthem",  "aria",     "ballad",  "banjo",  "bassoon", "bell",    "bolero",   "bugle",
    "cadence", "canon",    "cantata", "carol",    "celesta", "cello",  "chime",   "choir",   "chord",    "clarinet",
    "coda",    "concerto", "cornet",  "cymbal",   "drum",    "duet",   "etude",   "fanfare", "fiddle",   "flute",
    "fugue",   "gavotte",  "gong",    "guitar",   "harp",    "horn",   "hymn",    "lute",    "lyre",     "madrigal",
    "march",   "mazurka",  "minuet",  "nocturne", "oboe",    "octave", "opera",   "organ",   "overture", "piano",
    "piccolo", "polka",    "prelude", "quartet",  "rondo",   "sonata", "tabla",   "tango",   "timpani",  "trumpet",
    "tuba",    "viola",    "violin",  "waltz"};
}  // namespace

std::string made_up_name() {
  std::array<std::uint8_t, 2> random{};
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    throw base::Error::from_errno("getrandom");
  std::string name(adjectives[random[0] % adjectives.size()]);
  name += '_';
  name += nouns[random[1] % nouns.size()];
  return name;
}

}  // namespace conductor::engine
