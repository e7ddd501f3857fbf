"""What people say of pictures, from a file into the pictures' sidecars."""
