"""What the network says when units are silenced."""
