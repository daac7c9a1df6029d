"""GET /v1/me on FastAPI, uvicorn, redis-py and asyncpg: the token's signature and claims, the session's copy in
Redis, and the user's row in Postgres, unless QUERY is empty. It answers with a ready dict, without a response model,
because serialising through one would only make it slower."""

import json
import os
import socket

import asyncpg
import jwt
import redis.asyncio as redis
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse

KEY = Ed25519PublicKey.from_public_bytes(bytes.fromhex(os.environ["PUBLIC_KEY"]))
CHECKS = {"require": ["exp", "nbf", "sub", "sid", "jti"]}
ME = json.loads(os.environ["BODY"])
QUERY = os.environ.get("QUERY", "")
POOL_SIZE = int(os.environ["POOL_SIZE"])

app = FastAPI()
sessions = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])


@app.on_event("startup")
async def start():
    if QUERY:
        app.state.pool = await asyncpg.create_pool(
            host=os.environ["PGHOST"],
            user=os.environ["PGUSER"],
            database=os.environ["PGDATABASE"],
            min_size=POOL_SIZE,
            max_size=POOL_SIZE,
        )
    print(f"listening on http://localhost:{listener.getsockname()[1]}", flush=True)


async def current_session(authorization: str = Header("")):
    try:
        claims = jwt.decode(
            authorization.removeprefix("Bearer "),
            KEY,
            algorithms=["EdDSA"],
            audience="frm-ai",
            issuer="frm-ai",
            leeway=5,
            options=CHECKS,
        )
    except jwt.PyJWTError:
        raise HTTPException(401)
    copy = await sessions.get(f"bench:{claims['sub']}:s:{claims['sid']}")
    if copy is None or copy == b"revoked":
        raise HTTPException(401)
    return json.loads(copy)


@app.get("/v1/me")
async def me(session=Depends(current_session)):
    if not QUERY:
        return JSONResponse({**ME, "id": session["userId"]})
    row = await app.state.pool.fetchrow(QUERY, session["userId"])
    if row is None:
        raise HTTPException(401)
    created_at = row["createdAt"].isoformat(timespec="milliseconds")
    user = {**row, "id": str(row["id"]), "createdAt": created_at.replace("+00:00", "Z")}
    return JSONResponse(user)


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
config = uvicorn.Config(
    app, loop="uvloop", http="httptools", access_log=False, log_level="warning", lifespan="on"
)
uvicorn.Server(config).run(sockets=[listener])
