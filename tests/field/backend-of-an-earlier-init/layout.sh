. "$FUNCTIONS"
mkdir -p source/.terraform
echo 'output "x" { value = 1 }' > source/main.tf
echo '{"version":3,"serial":1,"lineage":"x","backend":{"type":"s3","config":{"bucket":"states"},"hash":1}}' > source/.terraform/terraform.tfstate
case $1 in another-today) printf 'terraform {\n  backend "local" {\n    path = "a.tfstate"\n  }\n}\n' > source/backend.tf ;; esac
