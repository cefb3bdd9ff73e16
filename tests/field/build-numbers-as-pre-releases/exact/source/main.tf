terraform {
  required_providers {
    widget = {
      source  = "registry.example.com/acme/widget"
      version = "0.12.2-202008131826"
    }
  }
}
