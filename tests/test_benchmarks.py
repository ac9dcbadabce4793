"""The benchmark: every library does the same work, and a run leaves a report and no process."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import functorch_lite as fl
from benchmarks import agreement, kits, machine, report
from benchmarks.__main__ import main
from benchmarks.client import Worker, WorkerError
from benchmarks.fresh import installed_bytes
from benchmarks.machine import floor_seconds
from benchmarks.record import StepRow, make_inputs
from benchmarks.rows import ROWS, chosen, language, step_row
from benchmarks.runner import Figure, Options, RowResult, run
from benchmarks.worker import first_steps, on_device, results
from functorch_lite.core.op import REGISTRY, Op
from tests.cuda.fake_cupy import FakeArray, fake_cupy

REPOSITORY = Path(__file__).resolve().parent.parent
# One point of every curve: at the tiny sizes all points are the same.
FAMILIES: dict[str, StepRow] = {}
for _row in ROWS:
    if isinstance(_row, StepRow):
        FAMILIES.setdefault(_row.family, _row)
NUMPY = sorted(name for name, row in FAMILIES.items() if "numpy" in row.builders)


def results_of(name, family):
    row = FAMILIES[family]
    kit = kits.load(name, x64=row.x64)
    return results(kit, row, first_steps(kit, row, row.tiny, on_device(kit, row, row.tiny))[2])


def limit(row):
    # The full sizes leave more room, for roundings that a network blows up from step to step.
    return row.tolerance / 10 if row.calls_compared > 1 else row.tolerance


def check(name, family):
    row = FAMILIES[family]
    inputs = make_inputs(row, row.tiny)
    ours, theirs = results_of("ours", family), results_of(name, family)
    apart, where = agreement.difference(inputs, ours, theirs)
    assert apart <= limit(row), f"{name} differs by {apart:.2g} in {where}"


# ------------------------------------------------------------------------------------ the same work
@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if row.calls_compared])
def test_ours_gives_finite_results(family):
    for name, value in results_of("ours", family).items():
        assert value.size and np.isfinite(value).all(), name


def test_every_row_is_ours_too():
    assert not [row.name for row in ROWS if "ours" not in row.implementations]


@pytest.mark.parametrize("family", NUMPY)
def test_numpy_agrees(family):
    check("numpy", family)


@pytest.fixture
def jax():
    jax = pytest.importorskip("jax")
    x64 = jax.config.jax_enable_x64
    yield jax
    jax.config.update("jax_enable_x64", x64)


@pytest.mark.peers
@pytest.mark.parametrize("family", [n for n, row in FAMILIES.items() if "jax" in row.builders])
def test_jax_agrees(jax, family):
    check("jax", family)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.func uses torch.jit.script
@pytest.mark.parametrize("family", [n for n, row in FAMILIES.items() if "torch" in row.builders])
def test_torch_agrees(family):
    pytest.importorskip("torch")
    check("torch", family)


@pytest.mark.peers
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # the compiler warns of its own parts
@pytest.mark.parametrize("family", [n for n, row in FAMILIES.items() if "compile" in row.builders])
def test_compiled_torch_agrees(family):
    pytest.importorskip("torch")
    if problem := kits.compiler_problem():
        pytest.skip(problem)
    check("compile", family)


def test_a_forgotten_decay_is_noticed(monkeypatch):
    row = FAMILIES["gpt_adamw"]
    with_decay = results_of("ours", "gpt_adamw")
    monkeypatch.setitem(language.SETTINGS, "weight_decay", 0.0)
    without = results_of("ours", "gpt_adamw")
    inputs = make_inputs(row, row.tiny)
    assert agreement.difference(inputs, with_decay, without)[0] > row.tolerance


@pytest.mark.parametrize(
    "other",
    [{"a": np.array([1.0, np.nan])}, {"a": np.ones(3)}, {"b": np.ones(2)}, {"a": np.zeros(2)}],
)
def test_results_that_differ_are_noticed(other):
    assert agreement.difference({}, {"a": np.ones(2)}, other)[0] >= 1.0


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(Op, "__call__", Op.__call__)  # enable_devices() replaces it for good
    for name, module in fake_cupy().items():
        monkeypatch.setitem(sys.modules, name, module)
    for op in REGISTRY.values():
        monkeypatch.setattr(op, "per_device", {})
    fl.device_put(0.0, "cuda")


def test_rows_stay_on_the_device(gpu):
    for family, row in FAMILIES.items():
        if family.startswith("shim_"):
            continue  # whose tensors live on the CPU
        kit = kits.load("ours", "cuda")
        result = first_steps(kit, row, row.tiny, on_device(kit, row, row.tiny))[2]
        if row.calls_compared:
            for name, value in agreement.named(result).items():
                assert isinstance(value._data, FakeArray), f"{family}: {name} is not on the GPU"


# ------------------------------------------------------------------------------------ the command
def test_list_shows_every_row():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"],
        capture_output=True, text=True, cwd=REPOSITORY, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")}
    assert listed == {row.name for row in ROWS}


def quick_facts(device):
    return {**machine.description(), "rates": {"flops": 1e11, "bytes": {"1000000": 1e10}}}


def test_a_run_writes_its_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.__main__.machine_facts", quick_facts)
    path = tmp_path / "report.json"
    names = "dispatch_add,depth_run[10],depth_run[30]"
    status = main(
        ["--rows", names, "--peers", "numpy", "--quick", "--rounds", "1", "--json", str(path)]
    )
    assert status == 0, capsys.readouterr()
    data = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in data["rows"]}
    assert set(rows) == set(names.split(","))
    assert rows["dispatch_add"]["results"]["ours"]["median"] > 0
    assert rows["dispatch_add"]["differences"]["numpy"]["relative"] == 0
    assert rows["depth_run[10]"]["floor"] > 0
    assert set(data["slopes"]) == {"depth_run"}
    assert data["machine"]["rates"]["flops"] > 0
    assert str(REPOSITORY) not in json.dumps(data)
    assert "dispatch_add" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [["--rows", "no_such"], ["--peers", "no_such"], ["--rounds", "0"], ["--device", "tpu"]]
)
def test_wrong_options_are_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        main(wrong)
    assert wrong[1] in capsys.readouterr().err or wrong[0] == "--rounds"


def test_rows_are_chosen_by_name_family_and_pattern():
    def names(*patterns):
        return [row.name for row in chosen(patterns)]

    assert names("mlp_adam") == ["mlp_adam"]
    assert names("depth_run[10]", "dispatch_add") == ["dispatch_add", "depth_run[10]"]
    assert len(names("depth_run")) == 5
    assert names("first_call[*") == [
        f"first_call[{n}]" for n in ("gelu_grad", "mlp_adam", "cnn_sgd", "gpt_adamw")
    ]
    assert {row.name for row in chosen([], quick=True)} < {row.name for row in ROWS}


# ------------------------------------------------------------------------------------ processes
def test_a_worker_survives_a_failing_row_and_ends_when_told(tmp_path):
    worker = Worker("numpy", "cpu", False, tmp_path, timeout=60.0)
    try:
        with pytest.raises(WorkerError, match="KeyError"):
            worker.ask("prepare", row="no_such", results=str(tmp_path / "out.npz"))
        worker.ask("prepare", row="dispatch_add", results=str(tmp_path / "out.npz"))
        reply = worker.ask("time", seconds=0.001, least=1, most_seconds=1.0)
        assert reply["seconds"] > 0 and reply["calls"] >= 1
    finally:
        worker.close()
    assert not worker.alive
    with pytest.raises(WorkerError):
        worker.ask("drop")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(kits.Unavailable):
        Worker("cupy", "cpu", False, tmp_path, timeout=60.0)
    (result,) = run([step_row("dispatch_add")], Options(peers=("cupy",), rounds=1, seconds=0.001))
    assert result.figures["cupy"].missing and result.figures["ours"].rounds
    assert "absent" in report.line(result, ["ours", "cupy"])


def test_installed_size_counts_what_is_required():
    assert installed_bytes("ours") > installed_bytes("numpy")
    if importlib.util.find_spec("torch") is None:
        with pytest.raises(kits.Unavailable):
            installed_bytes("torch")


# ------------------------------------------------------------------------------------ figures
def of_rounds(**figures):
    row = step_row("dispatch_add")
    return RowResult(row, {name: Figure(rounds=list(rounds)) for name, rounds in figures.items()})


def test_the_ratio_is_to_the_best_peer_and_not_to_the_floor():
    found = of_rounds(ours=[2.0, 9.0, 3.0], jax=[4.0], torch=[1.5], numpy=[0.1])
    assert (found.best_peer, found.ratio) == ("torch", 2.0)
    assert of_rounds(ours=[1.0], numpy=[0.1]).ratio is None
    assert of_rounds(jax=[1.0]).ratio is None


def test_the_floor_is_the_slower_of_products_and_traffic():
    rates = {"flops": 1e9, "bytes": {"1000": 8e9, "4000": 1e9}}
    assert floor_seconds(rates, 0, 800) == pytest.approx(1e-7)
    assert floor_seconds(rates, 0, 8000) == pytest.approx(8e-6)
    assert floor_seconds(rates, 1e6, 800) == pytest.approx(1e-3)


def test_the_rates_of_this_machine_are_measured(monkeypatch):
    monkeypatch.setattr(machine, "MEASURED_SECONDS", 0.0)
    monkeypatch.setattr(machine, "PRODUCT_SIZES", (64,))
    monkeypatch.setattr(machine, "WORKING_SETS", (2**20,))
    found = machine.rates()
    assert 1e6 < found["flops"] < 1e16
    assert 1e6 < found["bytes"][str(2**20)] < 1e14


def test_a_median_far_from_the_fastest_calls_is_unsteady():
    assert Figure(rounds=[2.0, 3.0, 9.0], smallest=1.0).unsteady
    assert not Figure(rounds=[1.1, 1.2, 9.0], smallest=1.0).unsteady
    assert not Figure().unsteady


def test_slopes_are_exponents():
    points = []
    for name, seconds in (("depth_run[100]", 1.0), ("depth_run[300]", 3.0), ("depth_run[10]", 9.0)):
        points.append(RowResult(step_row(name), {"ours": Figure(rounds=[seconds])}))
    assert report.slopes(points)["depth_run"]["ours"] == pytest.approx(1.0)
