"""
The nouns that both sides speak, and the frames they travel in.
"""
