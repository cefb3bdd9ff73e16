terraform {
  required_providers {
    widget = {
      source  = "registry.example.com/acme/widget"
    }
  }
}
