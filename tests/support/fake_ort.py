"""ONNX Runtime as far as providers are concerned, with machines of all kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace


class EPFail(Exception):  # noqa: N818  # ONNX Runtime's own name
    pass


class InvalidProtobuf(Exception):  # noqa: N818  # ONNX Runtime's own name
    pass


@dataclass
class FakeOrt:
    """built: full names of providers in the build; works: those whose device is there; raises:
    those that raise instead of being left out; nodes: what each one would run, None for a build
    that does not tell. Keeps what sessions were made with in `made`."""

    built: tuple[str, ...] = ("AzureExecutionProvider", "CPUExecutionProvider")
    works: tuple[str, ...] = ("CPUExecutionProvider",)
    raises: tuple[str, ...] = ()
    nodes: dict[str, list[str]] | None = None
    made: list[SimpleNamespace] = field(default_factory=list)
    preloaded: int = 0
    __version__ = "1.31.1"
    ExecutionMode = SimpleNamespace(ORT_SEQUENTIAL="sequential")

    def get_available_providers(self):
        return list(self.built)

    def preload_dlls(self):
        self.preloaded += 1
        print("cannot load libcublas.so")  # as the real one does, to stdout

    @staticmethod
    def SessionOptions():  # noqa: N802  # ONNX Runtime's own name
        entries = {}
        return SimpleNamespace(add_session_config_entry=entries.__setitem__, entries=entries)

    def InferenceSession(self, model, options, providers, enable_fallback):  # noqa: N802
        assert not enable_fallback, "this prints to stdout"
        if model == b"junk":
            raise InvalidProtobuf("protobuf parsing failed")
        names = [name for name, _ in providers]
        for name in names:
            if name in self.raises:
                raise EPFail(f"CUDA failure 35\nin {name}")
        running = [name for name in names if name in self.works]
        if "CPUExecutionProvider" not in running:
            running.append("CPUExecutionProvider")
        session = SimpleNamespace(get_providers=lambda: running, options=options, given=providers)
        if self.nodes is not None:
            session.get_provider_graph_assignment_info = lambda: self._parts(options)
        self.made.append(session)
        return session

    def _parts(self, options):
        if options.entries.get("session.record_ep_graph_assignment_info") != "1":
            raise EPFail("was not recorded")
        return [
            SimpleNamespace(
                ep_name=name,
                get_nodes=lambda kinds=kinds: [SimpleNamespace(op_type=kind) for kind in kinds],
            )
            for name, kinds in self.nodes.items()
        ]
