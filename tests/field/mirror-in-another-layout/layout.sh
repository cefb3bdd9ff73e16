. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source home
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
packed made hashicorp null 3.2.1
file=terraform-provider-null_3.2.1_linux_amd64.zip
put() {
    mkdir -p "mirror/$(dirname "$1")"
    cp "made/$HOST/hashicorp/null/$file" "mirror/$1"
}
cp -r "$package" binary
rm -r mirror
mkdir mirror
case $1 in
without-host) put "hashicorp/null/3.2.1/$file" ;;
version-directory) put "$HOST/hashicorp/null/3.2.1/$file" ;;
releases) put "terraform-provider-null/3.2.1/$file" ;;
short-name) put "$HOST/hashicorp/null/3.2.1_linux_amd64.zip" ;;
platform-in-two) mkdir -p "mirror/$HOST/hashicorp/null/3.2.1/linux" && cp -r binary "mirror/$HOST/hashicorp/null/3.2.1/linux/amd64" ;;
one-level-down) put "providers/$HOST/hashicorp/null/$file" ;;
layout-of-0.12) mkdir -p home/.terraform.d/plugins && cp -r binary home/.terraform.d/plugins/linux_amd64 ;;
esac
rm -r made binary
