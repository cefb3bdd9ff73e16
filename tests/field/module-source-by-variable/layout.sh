mkdir -p source/modules/a source/modules/b source/modules/caller
echo 'output "a" { value = 1 }' > source/modules/a/main.tf
printf 'terraform {\n  required_providers {\n    b = { source = "acme/b" }\n  }\n}\n' > source/modules/b/main.tf
printf 'variable "to" {}\nmodule "inner" {\n  source = var.to\n}\n' > source/modules/caller/main.tf
which='variable "which" {
  type    = string
  default = "a"
}'
called='module "one" {
  source = "./modules/${var.which}"
}'
case $1 in
default | environment | argument) printf '%s\n%s\n' "$which" "$called" > source/main.tf ;;
file-of-values)
    printf '%s\n%s\n' "$which" "$called" > source/main.tf
    echo 'which = "a" # the later file counts' > source/terraform.tfvars
    echo '{"which": "b"}' > source/x.auto.tfvars.json
    ;;
functions)
    cat > source/main.tf <<'END'
variable "calls" {
  type = map(object({ on = bool }))
}
locals {
  name  = var.calls["x"].on ? "a" : "b"
  parts = [path.module, "modules", local.name]
}
module "one" {
  source = join("/", local.parts)
}
END
    ;;
passed-to-a-module)
    cat > source/main.tf <<'END'
locals {
  to = "../b"
}
module "caller" {
  source = "./modules/caller"
  to     = local.to
}
END
    ;;
of-each) printf 'module "one" {\n  for_each = toset(["a"])\n  source   = "./modules/${each.key}"\n}\n' > source/main.tf ;;
without-a-value) printf 'variable "which" {}\n%s\n' "$called" > source/main.tf ;;
sensitive) printf 'variable "which" {\n  default   = "a"\n  sensitive = true\n}\n%s\n' "$called" > source/main.tf ;;
esac
