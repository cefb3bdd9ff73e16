terraform {
  backend "local" {
    path = []
  }
}
