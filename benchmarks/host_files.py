"""The files below a folder as FastAPI serves them: `python host_files.py FOLDER PORT`."""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import FileResponse


def make_app(root: Path) -> FastAPI:
    """Return an application with a route for all files, and one that says that it is there."""
    app = FastAPI()

    @app.get("/")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/{path:path}", response_class=FileResponse)
    async def read(path: str) -> FileResponse:
        return FileResponse(root / path, media_type="application/octet-stream")

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(Path(sys.argv[1])), port=int(sys.argv[2]), log_config=None, access_log=False)
