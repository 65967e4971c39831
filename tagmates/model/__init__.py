"""The tagger: kernels, parameters, text in and tags out."""
