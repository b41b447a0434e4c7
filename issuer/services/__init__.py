"""What an economy's system offers to those of others, and how they prove who asks.

docs/web-services.md defines it for whoever builds the other side.
"""
