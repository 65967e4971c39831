"""The service: a page and a JSON API for taggers, with a bounded queue and one thread that tags."""
