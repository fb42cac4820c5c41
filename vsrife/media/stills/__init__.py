"""Still images: numbered files and folders in and out, and the pictures between two."""
