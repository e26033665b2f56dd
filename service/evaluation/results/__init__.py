"""What an evaluation says: the values behind every report, in any format."""
