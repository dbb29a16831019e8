import sys
from pathlib import Path

from hostile import corpus

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for file in corpus():
    (folder / file.name).write_bytes(file.data)
