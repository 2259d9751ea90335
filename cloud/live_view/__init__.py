"""People watch beds: who may, who does, and what bed and browser say to each other until the pictures flow between them."""
