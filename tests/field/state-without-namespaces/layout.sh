. "$FUNCTIONS"
unpacked mirror hashicorp null 3.2.1
mkdir -p source
echo 'resource "null_resource" "one" {}' > source/main.tf
locked "$HOST/hashicorp/null" 3.2.1 "$(h1 "mirror/$HOST/hashicorp/null/3.2.1/linux_amd64")" > source/.terraform.lock.hcl
case $1 in
0.12) null=provider.null aws=provider.aws.west ;;
0.13) null="provider[\\\"$HOST/-/null\\\"]" aws="provider[\\\"$HOST/-/aws\\\"].west" ;;
other-registry) null='provider[\"registry.terraform.io/-/null\"]' aws="provider[\\\"$HOST/hashicorp/aws\\\"]" ;;
esac
cat > source/terraform.tfstate <<END
{
  "version": 4, "terraform_version": "0.12.31", "serial": 9, "lineage": "5f2c1d1e", "outputs": {},
  "resources": [
    {"mode": "managed", "type": "null_resource", "name": "one", "provider": "$null", "instances": []},
    {"module": "module.net", "mode": "data", "type": "aws_vpc", "name": "main", "provider": "$aws", "instances": []}
  ]
}
END
