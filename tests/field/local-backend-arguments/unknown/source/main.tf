terraform {
  backend "local" {
    nothing = 1
  }
}
