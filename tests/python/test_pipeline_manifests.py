"""What a cluster would say to the manifests: closed schemas of the CRDs, YAML read back, kustomize where it is there."""

import copy
import hashlib
import json
import shutil
import subprocess

import crd_schema
import pytest
import whorl
import yaml

IMAGE = "registry.example/whorl@sha256:" + "0" * 64
ODD = 'a "quoted" {{workflow.name}} $(HOME) 1e-4 \u2028\x85 on'


def flywheel():
    """Every feature that a manifest has a place for."""
    step = {"kind": "command", "with": {"command": ["python", "-c", ODD]}}
    return {
        "name": "tickets",
        "description": ODD,
        "parameters": {
            "mode": {
                "type": "string",
                "default": "no",
                "choices": ["no", "1e-4", "on", "08"],
                "description": "what",
            },
            "rate": {"type": "float", "default": 1e-4},
            "count": {"type": "int", "default": 3, "choices": [3, 5]},
            "sure": {"type": "bool", "default": True},
            "list": {"type": "list", "default": [1, "b"]},
        },
        "steps": [
            step
            | {
                "name": "clean",
                "outputs": {"rows": {"path": "rows.json", "type": "json"}},
                "timeout_seconds": 90,
            },
            step
            | {
                "name": "sweep",
                "needs": ["clean"],
                "foreach": {"grid": {"rank": [4, 8], "rate": [1e-4, 1e-3]}},
                "failure_policy": "at_least 2",
                "when": [
                    {"left": "${item.rank}", "op": ">", "right": 4},
                    {"left": "${steps.clean.outputs.rows}", "op": ">=", "right": 10},
                ],
                "retry": {
                    "limit": 3,
                    "policy": "any",
                    "backoff": {"seconds": 1.5, "factor": 2, "max_seconds": 60},
                },
                "resources": {
                    "cpus": 1.5,
                    "memory_bytes": 1536 * 2**20,
                    "gpus": 1,
                    "node_selector": {"gpu": "h100"},
                    "tolerations": [
                        {"key": "gpu", "operator": "Exists", "effect": "NoExecute", "seconds": 30}
                    ],
                    "volumes": [
                        {"name": "data", "mount_path": "/data", "claim": "data", "read_only": True},
                        {"name": "key", "mount_path": "/key", "secret": "key"},
                        {"name": "more", "mount_path": "/more", "size_bytes": 2**30},
                    ],
                },
            },
            step | {"name": "each", "needs": ["sweep"], "foreach": "${parameters.list}"},
            step | {"name": "tell", "when": {"left": "${run.state}", "op": "==", "right": "failed"}},
        ],
        "on_exit": ["tell"],
    }


OPTIONS = dict(
    image=IMAGE,
    namespace="ml",
    schedules=["0 3 * * *", "@daily"],
    timezone="Europe/Berlin",
    mutexes=["tickets"],
    gpu_semaphore="gpus/h100",
    parallelism=4,
    keep_seconds=3600,
    secrets=["token"],
    image_pull_secrets=["pull"],
    labels={"team": "support"},
    argo_version="4.1",
    pending_timeout_seconds=600,
)


@pytest.fixture(scope="module")
def pipeline():
    return whorl.Pipeline.from_json(json.dumps(flywheel()))


@pytest.fixture(scope="module")
def manifests(pipeline):
    made = whorl.to_argo(pipeline, parameters={"count": 5, "rate": 1, "mode": "08"}, **OPTIONS)
    return {manifest.kind: json.loads(manifest.json) for manifest in made}


KINDS = {
    "Workflow": "argoproj.io_workflows.yaml",
    "WorkflowTemplate": "argoproj.io_workflowtemplates.yaml",
    "CronWorkflow": "argoproj.io_cronworkflows.yaml",
}


@pytest.fixture(scope="module")
def schemas():
    return {kind: crd_schema.load("argo-workflows", file) for kind, file in KINDS.items()}


def test_the_three_kinds_pass_their_closed_schemas(manifests, schemas):
    assert set(manifests) == set(KINDS)
    for kind, thing in manifests.items():
        assert schemas[kind].problems(thing) == []


def test_resources_by_parameter_pass_too(schemas):
    document = flywheel()
    document["steps"][1]["resources"] |= {"gpus": "${parameters.count}", "cpus": "${parameters.rate}"}
    made = whorl.to_argo(whorl.Pipeline.from_json(json.dumps(document)), **OPTIONS)
    template = next(json.loads(m.json) for m in made if m.kind == "WorkflowTemplate")
    assert schemas["WorkflowTemplate"].problems(template) == []
    patches = [node["podSpecPatch"] for node in find(template, "podSpecPatch")]
    assert len(patches) == 1, "of the pods that work, not of the one that gathers"
    limits = json.loads(patches[0])["containers"][0]["resources"]["limits"]
    assert limits == {
        "cpu": "{{=asFloat(workflow.parameters['rate'])}}",
        "nvidia.com/gpu": "{{=asInt(workflow.parameters['count'])}}",
    }


def find(thing, key):
    """Every object that has `key`."""
    return [node for _, node in crd_schema.nodes(thing, "$") if isinstance(node, dict) and key in node]


def spoil_key(thing):
    strategy = find(thing, "retryStrategy")[0]["retryStrategy"]
    strategy["limits"] = strategy.pop("limit")


def spoil_value(thing):
    find(thing, "arguments")[0]["arguments"]["parameters"][0]["value"] = 3


def spoil_null(thing):
    find(thing, "depends")[0]["when"] = None


def spoil_lock(thing):
    thing["spec"]["synchronization"]["mutex"] = {"name": "a"}


def spoil_type(thing):
    find(thing, "container")[0]["suspend"] = {}


def spoil_depends(thing):
    find(thing, "depends")[0]["dependencies"] = ["clean"]


@pytest.mark.parametrize(
    "spoil",
    [spoil_key, spoil_value, spoil_null, spoil_lock, spoil_type, spoil_depends],
    ids=lambda f: f.__name__,
)
def test_planted_faults_are_seen(manifests, schemas, spoil):
    thing = copy.deepcopy(manifests["WorkflowTemplate"])
    spoil(thing)
    assert schemas["WorkflowTemplate"].problems(thing)


def test_the_application_passes_its_closed_schema(pipeline):
    schema = crd_schema.load("argo-cd", "application-crd.yaml")
    made = whorl.to_gitops(
        pipeline, repository="https://git.example/ml.git", repository_path="tickets", **OPTIONS
    )
    applications = [json.loads(m.json) for m in made if m.kind == "Application"]
    assert [schema.problems(thing) for thing in applications] == [[]]
    assert "ServerSideApply=true" in applications[0]["spec"]["syncPolicy"]["syncOptions"]
    applications[0]["spec"]["source"]["repoUrl"] = "x"
    assert schema.problems(applications[0])


def test_yaml_says_what_json_says_and_quotes_every_string(pipeline):
    for manifest in whorl.to_gitops(pipeline, **OPTIONS):
        read = yaml.safe_load(manifest.yaml)
        if manifest.json:
            assert read == json.loads(manifest.json)
        for token in yaml.scan(manifest.yaml):
            if not isinstance(token, yaml.ScalarToken) or token.style == '"':
                continue
            word = token.value  # bare: keys, numbers and true/false only
            assert not isinstance(yaml.safe_load(word), str) or manifest.yaml.count(f"{word}:")


def test_the_same_plan_gives_the_same_bytes(pipeline):
    def digest():
        made = whorl.to_gitops(whorl.Pipeline.from_json(pipeline.to_json()), **OPTIONS)
        return hashlib.sha256("".join(m.path + m.yaml + m.json for m in made).encode()).hexdigest()

    assert digest() == digest()


def test_no_text_of_the_pipeline_is_part_of_a_command(manifests):
    template = manifests["WorkflowTemplate"]
    for node in find(template, "container"):
        words = node["container"]["command"] + node["container"]["args"]
        assert node["container"]["command"][:2] == ["whorl", "pipeline"]
        assert not any("quoted" in word or "HOME" in word for word in words)
    assert not find(template, "script")
    plan = template["spec"]["podMetadata"]["annotations"]["whorl/pipeline-json"]
    assert "{{" not in plan
    assert json.loads(plan) == json.loads(whorl.Pipeline.from_json(json.dumps(flywheel())).to_json())


def test_fan_out_is_one_task_and_every_output_has_a_default(manifests):
    template = manifests["WorkflowTemplate"]
    dag = next(t for t in template["spec"]["templates"] if t["name"] == template["spec"]["entrypoint"])
    tasks = {task["name"]: task for task in dag["dag"]["tasks"]}
    assert dag["dag"]["failFast"] is False
    assert tasks["sweep-items"]["withParam"] == "{{inputs.parameters.items-sweep}}"
    assert len(json.loads(dag["inputs"]["parameters"][0]["value"])) == 4
    assert tasks["each-items"]["withParam"] == "{{workflow.parameters.list}}"
    assert tasks["each-items"]["depends"] == "sweep.Succeeded"
    assert all("default" in node["valueFrom"] for node in find(template, "valueFrom"))
    for leaf in find(template, "retryStrategy"):
        assert {"limit", "retryPolicy", "expression"} <= set(leaf["retryStrategy"])


def test_a_run_names_the_template_and_gives_text_only(manifests):
    run = manifests["Workflow"]
    assert set(run["spec"]) == {"workflowTemplateRef", "arguments"}
    assert "generateName" not in run["metadata"]
    given = {p["name"]: p["value"] for p in run["spec"]["arguments"]["parameters"]}
    assert given == {"count": "5", "rate": "1.0", "mode": "08"}
    assert len(run["metadata"]["name"]) <= 63
    assert run["metadata"]["labels"]["whorl/run-id"] == run["metadata"]["name"]


def test_a_job_is_tried_again_by_exit_status(pipeline):
    job = json.loads(whorl.to_kubernetes(pipeline, "sweep", 3, image=IMAGE, run_id="r1").json)
    rules = job["spec"]["podFailurePolicy"]["rules"]
    assert job["spec"]["backoffLimit"] == 3
    assert rules[0]["action"] == "Count" and rules[0]["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert rules[1]["onExitCodes"] == {"containerName": "main", "operator": "In", "values": [86]}
    pod = job["spec"]["template"]
    assert json.loads(pod["metadata"]["annotations"]["whorl/item"]) == {"rank": 8, "rate": 0.001}
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "1500m",
        "memory": "1536Mi",
        "nvidia.com/gpu": "1",
    }
    plain = json.loads(whorl.to_kubernetes(pipeline, "clean", image=IMAGE).json)
    codes = plain["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]
    assert codes == {"containerName": "main", "operator": "NotIn", "values": [85, 129, 137, 143]}
    assert plain["spec"]["template"]["spec"]["activeDeadlineSeconds"] == 150


BAD = [
    (dict(image="whorl:latest"), "names no digest"),
    (dict(image=""), "no image"),
    (dict(run_as=0), "never run as root"),
    (dict(claim="A"), "options.claim"),
    (dict(labels={"whorl/step": "x"}), "are taken"),
    (dict(labels={"a": "b c"}), "no value of a label"),
    (dict(argo_version="3.4"), "3.6"),
    (dict(pending_timeout_seconds=5), "4.1"),
    (dict(schedules=["0 3 * *"]), "five fields"),
    (dict(schedules=["@daily"], concurrency_policy="Forbit"), "did you mean 'Forbid'"),
    (dict(parameters={"count": 4}), "expected one of 3, 5"),
    (dict(parameters={"mod": "no"}), "did you mean 'mode'"),
    (dict(gpu_semaphore="gpus"), "config-map/key"),
]


@pytest.mark.parametrize(("options", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_options_name_the_field(pipeline, options, words):
    with pytest.raises(ValueError, match=words):
        whorl.to_argo(pipeline, **({"image": IMAGE} | options))


def changed(**fields):
    document = flywheel()
    document["steps"][0] |= fields
    return whorl.Pipeline.from_json(json.dumps(document))


BAD_STEPS = [
    (dict(retry={"limit": 1, "backoff": {"factor": 1.5}}), "whole numbers"),
    (dict(foreach=["{{x}}"], when=[]), "would take for a variable"),
    (
        dict(
            kind="python",
            outputs={"rows": {"type": "json"}},
            **{"with": {"function": "local", "arguments": {}}},
        ),
        "module:function",
    ),
    (dict(resources={"volumes": [{"name": "v", "mount_path": "/whorl/x"}]}), "folder of Whorl's own"),
    (dict(resources={"volumes": [{"name": "whorl-x", "mount_path": "/x"}]}), "are taken"),
    (dict(description="x" * 200_000), "can be told"),
]


@pytest.mark.parametrize(("fields", "words"), BAD_STEPS, ids=[words for _, words in BAD_STEPS])
def test_what_a_cluster_cannot_say_names_step_and_field(fields, words):
    with pytest.raises(ValueError, match=words):
        whorl.to_argo(changed(**fields), image=IMAGE)


def test_too_many_steps_for_argo():
    steps = [{"name": f"s{i}", "kind": "command", "with": {"command": ["true"]}} for i in range(200)]
    many = whorl.Pipeline.from_json(json.dumps({"name": "many", "steps": steps}))
    with pytest.raises(ValueError, match=r"201 of them; Argo takes 200"):
        whorl.to_argo(many, image=IMAGE)
    fewer = whorl.Pipeline.from_json(json.dumps({"name": "many", "steps": steps[:199]}))
    assert whorl.to_argo(fewer, image=IMAGE)


def test_the_tree_is_written_and_kustomize_renders_it(pipeline, tmp_path):
    overlays = [
        dict(name="dev", namespace="dev"),
        dict(name="prod", namespace="prod", parameters={"count": 5}),
    ]
    made = whorl.to_gitops(pipeline, overlays=overlays, claim_bytes=10 * 2**30, **OPTIONS)
    whorl.write_manifests(made, tmp_path)
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.yaml")) == sorted(
        m.path for m in made
    )
    kubectl = shutil.which("kubectl") or shutil.which("kustomize")
    if kubectl is None:
        pytest.skip("neither kubectl nor kustomize is on this machine")
    command = [
        kubectl,
        "kustomize" if kubectl.endswith("kubectl") else "build",
        tmp_path / "overlays" / "prod",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rendered = {thing["kind"]: thing for thing in yaml.safe_load_all(done.stdout)}
    assert {
        "WorkflowTemplate",
        "CronWorkflow",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "PersistentVolumeClaim",
    } == set(rendered)
    values = {p["name"]: p["value"] for p in rendered["WorkflowTemplate"]["spec"]["arguments"]["parameters"]}
    assert values["count"] == "5" and values["mode"] == "no"
    assert all(thing["metadata"]["namespace"] == "prod" for thing in rendered.values())
    schema = crd_schema.load("argo-workflows", KINDS["WorkflowTemplate"])
    assert schema.problems(rendered["WorkflowTemplate"]) == []
