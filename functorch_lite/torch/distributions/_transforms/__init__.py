"""The classes of transforms, by what they change."""
