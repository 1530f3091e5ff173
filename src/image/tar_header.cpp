#include "image/tar_header.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace conductor::image {
namespace {

// Offsets and lengths of the fields of a ustar header.
struct Field {
  std::size_t offset, length;
};
constexpr Field name_field{0, 100}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8}, size_field{124, 12},
    time_field{136, 12}, sum_field{148, 8}, type_field{156, 1}, link_field{157, 100}, magic_field{257, 8},
    major_field{329, 8}, minor_field{337, 8};

constexpr char extended_header = 'x';
constexpr std::string_view extended_name = "PaxHeader";

using Header = std::array<char, tar_block>;

void put_text(Header& header, const Field& field, std::string_view text) {
  const auto bytes = text.substr(0, field.length);
  std::copy(bytes.begin(), bytes.end(), header.begin() + static_cast<std::ptrdiff_t>(field.offset));
}

bool fits(const Field& field, std::int64_t value) {
  return value >= 0 && value < std::int64_t{1} << (3 * (field.length - 1));
}

// Octal digits to the field's end, which is a NUL. What does not fit is in the extended header, and 0 here.
void put_number(Header& header, const Field& field, std::int64_t value) {
  auto rest = fits(field, value) ? static_cast<std::uint64_t>(value) : 0U;
  for (std::size_t i = field.length - 1; i-- > 0; rest >>= 3U)
    header[field.offset + i] = static_cast<char>('0' + (rest & 7U));
}

// The sum of all bytes, its own field counted as blanks: six digits, NUL, blank.
void put_sum(Header& header) {
  std::fill_n(header.begin() + static_cast<std::ptrdiff_t>(sum_field.offset), sum_field.length, ' ');
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put_number(header, {sum_field.offset, sum_field.length - 1}, sum);
  header[sum_field.offset + sum_field.length - 2] = '\0';
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool fits(const Field& field, std::string_view text) { return text.size() <= field.length && is_ascii(text); }

// For readers that know no extended headers: the beginning, with '_' for what is not ASCII.
std::string plain(std::string_view text, std::size_t length) {
  std::string result(text.substr(0, length));
  for (char& c : result)
    if (static_cast<unsigned char>(c) >= 0x80) c = '_';
  return result;
}

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || text.size() - i < more) return false;
    std::uint32_t point = first & (0x3fU >> more);
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xc0U) != 0x80U) return false;
      point = point << 6U | (next & 0x3fU);
    }
    if ((more == 2 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) ||
        (more == 3 && (point < 0x10000 || point > 0x10ffff)))
      return false;
  }
  return true;
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself too.
std::string record(const std::string& key, const std::string& value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  return std::to_string(length) + " " + key + "=" + value + "\n";
}

// In the order of their bytes: "SCHILY…" < "gid" < "hdrcharset" < "linkpath" < "mtime" < "path" < "size" < "uid".
using Records = std::map<std::string, std::string>;

Records extended_records(const TarEntry& entry) {
  Records records;
  if (!fits(name_field, entry.name)) records["path"] = entry.name;
  if (!fits(link_field, entry.link)) records["linkpath"] = entry.link;
  for (const auto& [key, value] : records)
    if (!is_utf8(value)) {
      records["hdrcharset"] = "BINARY";
      break;
    }
  if (!fits(uid_field, entry.uid)) records["uid"] = std::to_string(entry.uid);
  if (!fits(gid_field, entry.gid)) records["gid"] = std::to_string(entry.gid);
  if (!fits(size_field, entry.size)) records["size"] = std::to_string(entry.size);
  if (!fits(time_field, entry.modified)) records["mtime"] = std::to_string(entry.modified);
  for (const auto& [name, value] : entry.attributes) {
    if (name.find('=') != std::string::npos)
      throw base::Error("the extended attribute " + name + " of " + entry.name + " has a name that tar cannot hold");
    records["SCHILY.xattr." + name] = value;
  }
  return records;
}

std::string text_of(Header& header) {
  put_text(header, magic_field, std::string_view("ustar\00000", 8));
  put_sum(header);
  return {header.data(), header.size()};
}

// The records as a file of its own in front of the entry, which it describes.
std::string extended(const Records& records) {
  std::string content;
  for (const auto& [key, value] : records) content += record(key, value);
  Header header{};
  put_text(header, name_field, extended_name);
  put_number(header, mode_field, 0644);
  for (const auto& field : {uid_field, gid_field, time_field, major_field, minor_field}) put_number(header, field, 0);
  put_number(header, size_field, static_cast<std::int64_t>(content.size()));
  header[type_field.offset] = extended_header;
  content.append(tar_padding(static_cast<std::int64_t>(content.size())), '\0');
  return text_of(header) + content;
}

}  // namespace

std::string tar_header(const TarEntry& entry) {
  const Records records = extended_records(entry);
  Header header{};
  put_text(header, name_field, plain(entry.name, name_field.length));
  put_text(header, link_field, plain(entry.link, link_field.length));
  put_number(header, mode_field, entry.mode);
  put_number(header, uid_field, entry.uid);
  put_number(header, gid_field, entry.gid);
  put_number(header, size_field, entry.size);
  put_number(header, time_field, entry.modified);
  put_number(header, major_field, entry.major);
  put_number(header, minor_field, entry.minor);
  header[type_field.offset] = static_cast<char>(entry.type);
  return records.empty() ? text_of(header) : extended(records) + text_of(header);
}

}  // namespace conductor::image
