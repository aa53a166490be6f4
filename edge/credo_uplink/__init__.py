"""What a rig found, as CREDO's API (version 2) has it: request bodies, files, and sending them."""
