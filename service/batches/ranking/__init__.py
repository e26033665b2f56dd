"""An honest ranking: who is ahead, by how much, and who cannot be told apart.

Read `people` (several answers become one score), then `tiers` (what a difference is worth), then `snapshot` and `cache`
(how 100,000 answers give a page in milliseconds).
"""
