. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "mirror/$HOST/hashicorp/null/3.2.1/linux_amd64")" > source/.terraform.lock.hcl
cat > source/terraform.tfstate <<'END'
{"serial": 1, "lineage": "x", "meta": {"key_provider.pbkdf2.k": "eyJ9"}, "encrypted_data": "AAAA", "encryption_version": "v0"}
END
