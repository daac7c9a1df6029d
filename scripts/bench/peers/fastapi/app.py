"""GET /v1/me on FastAPI, uvicorn and redis-py: the token, then the session's copy in Redis, which has the answer in it.
With REMEMBER it checks the signature of each token once, as the product does; with QUERY it also reads the user's row
in Postgres. It answers with a ready dict, because serialising through a response model would only make it slower."""

import json
import os
import socket
import time

import asyncpg
import jwt
import redis.asyncio as redis
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse

KEY = Ed25519PublicKey.from_public_bytes(bytes.fromhex(os.environ["PUBLIC_KEY"]))
CHECKS = {"require": ["exp", "nbf", "sub", "sid", "jti"]}
FIELDS = ["email", "emailVerified", "displayName", "role", "tier", "locale", "createdAt"]
REMEMBER = bool(os.environ.get("REMEMBER"))
QUERY = os.environ.get("QUERY", "")
POOL_SIZE = int(os.environ["POOL_SIZE"])
MAX_VERIFIED = 10_000

app = FastAPI()
verified = {}
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


def verify(token):
    claims = verified.get(token) if REMEMBER else None
    if claims is not None and claims["exp"] > time.time():
        return claims
    try:
        claims = jwt.decode(
            token,
            KEY,
            algorithms=["EdDSA"],
            audience="frm-ai",
            issuer="frm-ai",
            leeway=5,
            options=CHECKS,
        )
    except jwt.PyJWTError:
        raise HTTPException(401)
    if REMEMBER:
        if len(verified) >= MAX_VERIFIED:
            verified.clear()
        verified[token] = claims
    return claims


async def current_session(authorization: str = Header("")):
    claims = verify(authorization.removeprefix("Bearer "))
    copy = await sessions.get(f"bench:{claims['sub']}:s:{claims['sid']}")
    if copy is None or copy == b"revoked":
        raise HTTPException(401)
    return json.loads(copy)["session"]


@app.get("/v1/me")
async def me(session=Depends(current_session)):
    if not QUERY:
        return JSONResponse({"id": session["userId"], **{name: session[name] for name in FIELDS}})
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
