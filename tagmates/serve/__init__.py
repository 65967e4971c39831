"""The service: a page and a JSON API over taggers, with a bounded queue in front of one thread that tags."""
