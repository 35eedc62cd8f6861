"""Import threads of another backend: read and check them, convert OpenAI's form, store them."""
