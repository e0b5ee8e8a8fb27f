"""Common, fine-tuned, own or both: the kind of network chosen for each person."""
