"""A team's file becomes answers: what its columns hold, row by row, with what cannot be used told and kept."""
