"""Options that cannot be meant."""

from corpus.case import Case


def typed(name: str, line: str, words: str) -> Case:
    """Nothing is broken but what is typed."""
    return Case(name, lambda _: line, words)


CASES = [
    typed("no such command", "colect open_drawer", "did you mean 'collect'"),
    typed("no such task", "collect open_drawers --out {folder}/d", "did you mean 'open_drawer'"),
    typed("no such preset", "train tinny --data {data} --out {folder}/r", "did you mean 'tiny'"),
    typed("a negative seed", "collect open_drawer --seed -1 --out {folder}/d", "seed must be >= 0"),
    *(
        typed(f"collect {name}", f"collect open_drawer --out {{folder}}/d {option}", words)
        for name, option, words in (
            ("a seed beyond 64 bits", f"--seed {2**64}", r"below 2\^63"),
            ("a seed no episode has", f"--seed {2**62}", "seed must be <= .* got more"),
            ("no episodes", "--episodes 0", "episodes must be 1 to"),
            ("too many episodes", f"--episodes {10**9}", "episodes must be 1 to"),
            ("no workers", "--workers 0", "workers must be 1 to"),
            ("too many workers", f"--workers {10**6}", "workers must be 1 to"),
            ("a split of no name", "--split ''", "unknown split|is empty"),
            ("a place of no name", "--out ''", "--out is empty.*shell"),
            ("a place of no name after =", "--out=", "--out is empty.*shell"),
            ("two opposite wishes", "--resume --overwrite", "give one of them"),
        )
    ),
    *(
        typed(f"experts {name}", f"experts open_drawer --out {{folder}}/d {option}", words)
        for name, option, words in (
            ("no seeds", "--seeds 0", "need seeds"),
            ("negative random", "--random -1", ">= 0|random 0 to"),
            ("too many workers", "--workers 99999", "workers must be"),
        )
    ),
    *(
        typed(f"train {name}", f"train nano --data {{data}} --out {{folder}}/r {option}", words)
        for name, option, words in (
            ("a negative look", "--eval-every -5", "eval_every must be >= 0"),
            ("a negative checkpoint", "--checkpoint-every -1", "checkpoint_every .* must be >= 1"),
            ("no step between checkpoints", "--checkpoint-every 0", "must be >= 1"),
            ("negative processes", "--processes -1", "processes must be >= 0"),
            ("too many processes", "--processes 99999", "processes must be 0 to"),
            ("negative probe", "--probe-episodes -3", "probe_episodes must be >= 0"),
            ("negative steps", "--steps -1", "steps.* must be >= 1"),
            ("a seed beyond 64 bits", f"--seed {2**63}", r"seed must be below 2\^63"),
            ("a negative seed", "--seed -1", "seed must be >= 0"),
            ("NaN rate", "--optimizer.learning-rate nan", "learning_rate must be finite, got nan"),
            ("endless rate", "--optimizer.learning-rate inf", "learning_rate must be finite"),
            ("NaN weight", "--align.weight nan", "weight must be finite"),
            ("NaN temperature", "--align.temperature nan", "temperature must be finite"),
            ("NaN of u's", "--understand.temperature nan", "temperature must be finite|> 0"),
            ("a negative clip", "--optimizer.max-grad-norm -1", "max_grad_norm must be >= 0"),
            ("a negative ratio", "--align.ratio -1", "ratio must be >= 0"),
            (
                "a ratio in a sum",
                "--align.ratio 0.1 --optimizer.clip sum",
                "choose --optimizer.clip",
            ),
            ("a negative bank", "--align.bank -1", "bank must be >= 0"),
            ("a bank below a block", "--align.bank 1", "does not hold the"),
            ("a negative decay", "--optimizer.weight-decay -1", "weight_decay must be >= 0"),
            ("NaN shift", "--augment.shift nan", "shift must be finite"),
            ("endless turn", "--augment.yaw inf", "yaw must be finite"),
            ("NaN bound", "--execute.views.low nan 0 0", "views"),
            ("NaN share", "--unmasked-share nan", "unmasked_share must"),
            ("no heads", "--execute.trunk.heads 0", "heads must be >= 1"),
            ("no heads of tokens", "--execute.tokens.heads 0", "heads must be >= 1"),
            ("no heads of u", "--understand.video.heads 0", "heads"),
            ("no patch", "--execute.trunk.patch 0", "patch must be >= 1"),
            ("no proprioception", "--execute.proprioception-dim 0", "must be >= 1"),
            ("a NaN ratio", "--pairing.ratios jar nan", "ratios.jar must be finite"),
            ("a folder of no name", "--start.policy ''", "policy|is empty"),
        )
    ),
    typed("a task of no name", "collect '' --out {folder}/d", "is empty|unknown task"),
    typed("no data", "train nano --data '' --out {folder}/r", "--data is empty"),
    typed("no run", "report ''", "is empty"),
    typed("evaluate no run", "evaluate ''", "is empty"),
    *(
        typed(f"evaluate {name}", f"evaluate {{run}} --tasks open_drawer {option}", words)
        for name, option, words in (
            ("negative episodes", "--episodes -1", "episodes must be >= 0"),
            ("negative workers", "--workers -1", "workers must be >= 0"),
            ("too many workers", "--workers 100000", "workers 0 to"),
            ("no key poses", "--max-key-poses 0", "max_key_poses must be >= 1"),
            ("a seed beyond 64 bits", f"--seed {2**70}", r"below 2\^63"),
            ("a data set of no name", "--data ''", "--data is empty"),
        )
    ),
    *(
        typed(f"align {name}", f"align u.npz e.npz --out {{folder}}/a.json {option}", words)
        for name, option, words in (
            ("NaN temperature", "--measure.temperature nan", "temperature must be finite"),
            ("negative halves", "--halves -1", "halves must be >= 0|halves 0 or"),
            ("endless draws", f"--permutations {10**12}", "permutations and halves must be <="),
            ("a negative seed", "--seed -2", "seed must be >= 0"),
            ("a place of no name", "--out=", "--out is empty"),
        )
    ),
    typed("a negative variation", "watch open_drawer --variation -1 --out {folder}/w", ">= 0"),
    typed("a seed too large", f"watch open_drawer --seed {2**65} --out {{folder}}/w", r"2\^63"),
    typed("negative columns", "tasks --sheet {folder}/s.png --columns -1", "columns must be >= 0"),
    typed("a demo of nothing", "demo --steps 0", "must be >= 1"),
    typed("a demo of no name", "demo --out ''", "--out is empty"),
    typed(
        "negative seeds", "ablate --data {data} --out {folder}/a --seeds -1", "seeds.* must be >= 1"
    ),
    typed("many processes", "ablate --data {data} --processes 99999", "processes and workers"),
    typed("probe workers", "probe a b --data {data} --workers -4", "workers must be >= 0"),
    typed("probe key poses", "probe a b --data {data} --max-key-poses 0", "max_key_poses must be"),
    typed("probe rate", "probe a b --data {data} --fit.learning-rate nan", "rate must be finite"),
]
