. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
package=mirror/$HOST/hashicorp/null/3.2.1/linux_amd64
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "$package")" > source/.terraform.lock.hcl
case $1 in
unpacked) echo x > "$package/._terraform-provider-null_v3.2.1" ;;
packed)
    name=terraform-provider-null_v3.2.1
    archive "mirror/$HOST/hashicorp/null/terraform-provider-null_3.2.1_linux_amd64.zip" \
        $name "$(cat "$package/$name")" "__MACOSX/._$name" x
    rm -r "mirror/$HOST/hashicorp/null/3.2.1"
    ;;
esac
