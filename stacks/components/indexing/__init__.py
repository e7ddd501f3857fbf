"""What puts pictures into the index: the queue, bulk runs, migrations."""
