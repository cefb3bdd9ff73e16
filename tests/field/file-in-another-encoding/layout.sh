. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source home
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
write_rc() {
    printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s/mirror"\n  }\n}\n' "$PWD"
}
utf16() {
    printf '\377\376'
    iconv -f UTF-8 -t UTF-16LE
}
case $1 in
lock-file-in-utf-16) utf16 < source/.terraform.lock.hcl > lock && mv lock source/.terraform.lock.hcl ;;
cli-configuration-in-utf-16) write_rc | utf16 > rc ;;
cli-configuration-with-a-mark) { printf '\357\273\277'; write_rc; } > rc ;;
esac
