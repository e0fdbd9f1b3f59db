#pragma once
// What a cluster accepts as a name, a label, an image and a quantity. Each check throws
// std::invalid_argument: `where` says which field ("[to_argo] step 'train': resources.image").
#include <cstdint>
#include <string>
#include <string_view>

namespace whorl::pipeline {

// Lower case letters, digits and '-', a letter or digit at both ends: RFC 1123, as every object that becomes
// a label or a host name wants it. `most`: 63, or 52 for what a controller lengthens.
void check_object_name(std::string_view name, size_t most, std::string_view where);
void check_label(std::string_view key, std::string_view value, std::string_view where);
void check_mount_path(std::string_view path, std::string_view where);

// "registry/name@sha256:…"; a tag only where allowed.
void check_image(std::string_view image, bool allow_tags, std::string_view where);

// Argo replaces "{{…}}" in every text of a manifest, whoever wrote it.
void check_no_template(std::string_view text, std::string_view where);

// As the API server writes them back, so that nothing drifts: "500m", "2"; "1Gi", "1500M", "1234567".
std::string cpu_quantity(double cpus, std::string_view where);
std::string byte_quantity(uint64_t bytes);

// "90s", or "1500ms" where seconds are not whole.
std::string duration_text(double seconds);
// Whole seconds, upwards.
int64_t whole_seconds(double seconds);

// The first 40 digits of a digest: a label holds 63.
std::string short_digest(std::string_view digest);

}  // namespace whorl::pipeline
