"""Networks: loading them, and looking inside."""
