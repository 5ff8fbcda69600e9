"""The extraction of whole catalogues: what is missing is planned, worked on and stored."""
