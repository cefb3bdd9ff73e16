terraform {
  provider_meta "aws" {
    hello = var.name
  }
}

variable "name" {}
