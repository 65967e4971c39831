"""The tagger: parameters and forward pass of its parts, files of trained models, and tagging of text."""
