"""The HTTP surface: routes, states (loading, ready, draining), and every error as JSON `{"error": …}`."""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from workloads.common.bundle import Manifest
from workloads.common.logs import emit
from workloads.serve import body, protocol_v1, protocol_v2
from workloads.serve.batching import Batcher
from workloads.serve.errors import RequestError
from workloads.serve.metrics import Metrics
from workloads.serve.options import ServeOptions

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Infer = Callable[[web.Request], Awaitable[web.Response]]


class Service:
    """One model behind its HTTP routes. Until `model` is set, and while `draining`, it is not ready."""

    def __init__(self, options: ServeOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self.manifest: Manifest | None = None
        self.batcher: Batcher | None = None
        self.waiting_for = "the model is being loaded"
        self.draining = False

    def serve(self, manifest: Manifest, batcher: Batcher) -> None:
        """Become ready."""
        self.manifest, self.batcher = manifest, batcher
        self.metrics.model.labels(name=self.options.model_name, sha256=manifest.sha256).set(1)
        self.metrics.ready.set(not self.draining)

    def drain(self) -> None:
        """Become unready at once; requests that still come are answered, their connections closed."""
        self.draining = True
        self.metrics.ready.set(0)

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(
            middlewares=[self._errors, self._closing], client_max_size=self.options.max_body_bytes
        )
        routes = app.router
        for path in ("/livez", "/v2/health/live"):
            routes.add_get(path, self._live)
        for path in ("/readyz", "/v2/health/ready"):
            routes.add_get(path, self._ready)
        routes.add_get("/metrics", self._metrics)
        routes.add_get("/v1/models", self._v1_models)
        routes.add_get("/v1/models/{model:[^/:]+}", self._v1_model)
        routes.add_post("/v1/models/{model:[^/:]+}:predict", self._v1_predict)
        routes.add_get("/v2", self._v2_server)
        for model in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            routes.add_get(model, self._v2_model)
            routes.add_get(f"{model}/ready", self._v2_model_ready)
            routes.add_post(f"{model}/infer", self._v2_infer)
        return app

    # Health

    def _unready(self) -> str | None:
        if self.draining:
            return "shutting down"
        return None if self.manifest else self.waiting_for

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        reason = self._unready()
        if reason:
            return web.json_response({"ready": False, "error": reason}, status=503)
        return web.json_response({"ready": True})

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    # V1

    async def _v1_models(self, _request: web.Request) -> web.Response:
        return web.json_response({"models": [self.options.model_name]})

    async def _v1_model(self, request: web.Request) -> web.Response:
        self._check_name(request)
        return web.json_response({"name": self.options.model_name, "ready": self._unready() is None})

    async def _v1_predict(self, request: web.Request) -> web.Response:
        return await self._measured("v1", request, self._predict_v1)

    async def _predict_v1(self, request: web.Request) -> web.Response:
        manifest, batcher = self._model(request)
        content = body.parse_json(await body.read(request, self.options.max_body_bytes))
        probabilities = await batcher.submit(protocol_v1.parse(content, manifest))
        return web.json_response(protocol_v1.answer(probabilities))

    # V2

    async def _v2_server(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"name": "berth-serve", "version": "1", "extensions": protocol_v2.EXTENSIONS}
        )

    async def _v2_model(self, request: web.Request) -> web.Response:
        manifest, _ = self._model(request)
        return web.json_response(protocol_v2.metadata(self.options.model_name, manifest))

    async def _v2_model_ready(self, request: web.Request) -> web.Response:
        self._check_name(request)
        return await self._ready(request)

    async def _v2_infer(self, request: web.Request) -> web.Response:
        return await self._measured("v2", request, self._infer_v2)

    async def _infer_v2(self, request: web.Request) -> web.Response:
        manifest, batcher = self._model(request)
        data = await body.read(request, self.options.max_body_bytes)
        parsed = protocol_v2.parse(data, request.headers.get(protocol_v2.HEADER), manifest)
        probabilities = await batcher.submit(parsed.images)
        answer, json_length = protocol_v2.answer(parsed, self.options.model_name, probabilities)
        if json_length is None:
            return web.Response(body=answer, content_type="application/json")
        return web.Response(
            body=answer,
            content_type="application/octet-stream",
            headers={protocol_v2.HEADER: str(json_length)},
        )

    # Shared

    def _check_name(self, request: web.Request) -> None:
        model, version = request.match_info["model"], request.match_info.get("version", protocol_v2.VERSION)
        if model != self.options.model_name:
            raise RequestError(404, f"there is no model {model!r}; there is {self.options.model_name!r}")
        if version != protocol_v2.VERSION:
            raise RequestError(404, f"there is no version {version!r}; there is {protocol_v2.VERSION!r}")

    def _model(self, request: web.Request) -> tuple[Manifest, Batcher]:
        self._check_name(request)
        if self.manifest is None or self.batcher is None:
            raise RequestError(503, self.waiting_for)
        return self.manifest, self.batcher

    async def _measured(self, protocol: str, request: web.Request, handler: Infer) -> web.Response:
        began, code = time.perf_counter(), 500
        self.metrics.in_flight.inc()
        try:
            response = await handler(request)
            code = response.status
        except RequestError as reason:
            code = reason.status
            raise
        except web.HTTPException as reason:
            code = reason.status
            raise
        finally:
            self.metrics.in_flight.dec()
            self.metrics.requests.labels(protocol=protocol, code=str(code)).inc()
            self.metrics.seconds.labels(protocol=protocol).observe(time.perf_counter() - began)
        return response

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestError as reason:
            retry = {"Retry-After": "1"} if reason.status == 503 else None
            return web.json_response({"error": reason.message}, status=reason.status, headers=retry)
        except web.HTTPMethodNotAllowed as reason:
            allowed = ", ".join(sorted(reason.allowed_methods))
            message = f"{request.method} is not allowed here; allowed: {allowed}"
            return web.json_response({"error": message}, status=405, headers={"Allow": allowed})
        except web.HTTPRequestEntityTooLarge:
            message = f"the body is larger than {self.options.max_body_bytes} bytes"
            return web.json_response({"error": message}, status=413)
        except web.HTTPException as reason:
            message = f"there is nothing at {request.path}" if reason.status == 404 else reason.reason
            return web.json_response({"error": message}, status=reason.status)
        except (ConnectionError, TimeoutError):
            raise
        except Exception as reason:  # noqa: BLE001 # a bug must not answer with a traceback
            emit("error", path=request.path, kind=type(reason).__name__, reason=str(reason))
            return web.json_response({"error": "internal error; the server's log has it"}, status=500)

    @web.middleware
    async def _closing(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if self.draining:
            response.force_close()
        return response
