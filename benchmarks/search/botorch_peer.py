"""BoTorch's qLogNEHVI as an Optuna sampler, the way its own documents set it up; for comparison only."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from optuna.exceptions import ExperimentalWarning

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from autoedge.search.pool import Grid


def make_botorch(_: Grid, seed: int) -> BaseSampler:
    """Optuna-integration's BoTorchSampler with qLogNEHVI over a model with one process an objective."""
    import torch
    from optuna_integration.botorch import BoTorchSampler

    warnings.simplefilter("ignore", ExperimentalWarning)
    torch.set_num_threads(1)

    def propose(train_x, train_obj, train_con, bounds, pending_x):  # noqa: ANN001, ANN202 - BoTorch's own form
        from botorch.acquisition.logei import qLogNoisyExpectedImprovement
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
        from botorch.acquisition.objective import GenericMCObjective
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import ModelListGP, SingleTaskGP
        from botorch.models.transforms.outcome import Standardize
        from botorch.optim import optimize_acqf
        from botorch.sampling import SobolQMCNormalSampler
        from botorch.utils.transforms import normalize
        from gpytorch.mlls import SumMarginalLogLikelihood

        warnings.simplefilter("ignore")
        count = train_obj.shape[-1]
        inputs = normalize(train_x, bounds=bounds)
        targets = train_obj if train_con is None else torch.cat([train_obj, train_con], dim=-1)
        models = [
            SingleTaskGP(inputs, targets[:, [column]], outcome_transform=Standardize(m=1))
            for column in range(targets.shape[-1])
        ]
        model = ModelListGP(*models)
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        sampler = SobolQMCNormalSampler(sample_shape=torch.Size([64]), seed=seed)
        limits = None
        if train_con is not None:
            limits = [lambda drawn, at=column: drawn[..., at] for column in range(count, targets.shape[-1])]
        pending = None if pending_x is None else normalize(pending_x, bounds=bounds)
        if count == 1:
            acquisition = qLogNoisyExpectedImprovement(
                model,
                X_baseline=inputs,
                sampler=sampler,
                objective=GenericMCObjective(lambda drawn, X=None: drawn[..., 0]),  # noqa: ARG005, N803
                constraints=limits,
                X_pending=pending,
            )
        else:
            worst, best = train_obj.min(dim=0).values, train_obj.max(dim=0).values
            acquisition = qLogNoisyExpectedHypervolumeImprovement(
                model=model,
                ref_point=(worst - 0.1 * (best - worst)).tolist(),
                X_baseline=inputs,
                sampler=sampler,
                objective=GenericMCMultiOutputObjective(lambda drawn, X=None: drawn[..., :count]),  # noqa: ARG005, N803
                constraints=limits,
                prune_baseline=True,
                X_pending=pending,
            )
        unit = torch.zeros_like(bounds)
        unit[1] = 1
        found, _ = optimize_acqf(
            acquisition, bounds=unit, q=1, num_restarts=4, raw_samples=128, options={"batch_limit": 4, "maxiter": 100}
        )
        return bounds[0] + found.detach() * (bounds[1] - bounds[0])

    return BoTorchSampler(candidates_func=propose, n_startup_trials=10, seed=seed)
