terraform {
  required_providers {
    a = {
      source  = "acme/a"
      version = ">= 1.0"
      version = "2.0.0"
    }
  }
}
