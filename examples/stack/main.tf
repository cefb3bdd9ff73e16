resource "random_pet" "server" {
  length = 2
}

resource "null_resource" "server" {
  triggers = {
    name = random_pet.server.id
  }
}

output "server_name" {
  value = random_pet.server.id
}
