"""Personal networks: splits, training, evaluation and what models know."""
