"""What a hit is called: by a trained model where there is one, by rules of shape otherwise."""
