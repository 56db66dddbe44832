from __future__ import annotations

import numpy as np
import pytest

from evaluation.generate import NextTokens, Shape, Tokens, generated, greedy

EOS, PAD = 0, 99
SHAPE = Shape(batch=2, seq_length=8, max_new_tokens=4, eos=EOS, pad=PAD)


def countdown(ids: Tokens, last: Tokens) -> Tokens:
    """The next token is one less than the last, so a prompt that ends with n goes on n - 1, ..., 1, end."""
    following: Tokens = np.maximum(ids[np.arange(len(ids)), last] - 1, EOS).astype(np.int32)
    return following


class Recorder:
    """Counts down, and keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tokens, Tokens]] = []

    def __call__(self, ids: Tokens, last: Tokens) -> Tokens:
        self.calls.append((ids.copy(), last.copy()))
        return countdown(ids, last)


def test_tokens_are_fed_back_until_the_end_token_which_is_left_out() -> None:
    assert greedy(countdown, [[7, 3]], SHAPE) == [[2, 1]]


def test_no_more_tokens_than_allowed() -> None:
    assert greedy(countdown, [[50]], SHAPE) == [[49, 48, 47, 46]]


def test_immediate_end_gives_no_tokens() -> None:
    assert greedy(countdown, [[1]], SHAPE) == [[]]


def test_outputs_are_in_the_prompts_order_whatever_the_batches() -> None:
    prompts = [[9, 9, 9, 3], [2], [9, 4], [9, 9, 2], [3]]
    assert greedy(countdown, prompts, SHAPE) == [[2, 1], [1], [3, 2, 1], [1], [2, 1]]


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
def test_batch_size_changes_nothing(batch: int) -> None:
    prompts = [[5], [9, 3], [2], [9, 9, 9, 4]]
    shape = Shape(batch, SHAPE.seq_length, SHAPE.max_new_tokens, EOS, PAD)
    assert greedy(countdown, prompts, shape) == [[4, 3, 2, 1], [2, 1], [1], [3, 2, 1]]


def test_graph_always_gets_its_fixed_shape() -> None:
    step = Recorder()
    greedy(step, [[3], [2], [9, 5]], SHAPE)
    assert {(ids.shape, last.shape) for ids, last in step.calls} == {((2, 8), (2,))}
    assert {(ids.dtype, last.dtype) for ids, last in step.calls} == {(np.dtype("int32"), np.dtype("int32"))}


def test_what_follows_the_last_token_is_padding() -> None:
    step = Recorder()
    greedy(step, [[9, 3]], SHAPE)
    ids, last = step.calls[0]
    assert last[0] == 1
    assert ids[0].tolist() == [9, 3] + [PAD] * 6


def test_batch_ends_once_all_its_prompts_have() -> None:
    step = Recorder()
    greedy(step, [[2], [1]], SHAPE)
    assert len(step.calls) == 2


def test_row_that_ended_gets_no_more_tokens_while_others_go_on() -> None:
    def end_then_seven(ids: Tokens, last: Tokens) -> Tokens:
        following = np.where(ids[:, 1] == PAD, EOS, 7)
        return np.where(ids[:, 0] == 1, following, 5).astype(np.int32)

    assert greedy(end_then_seven, [[1], [2]], SHAPE) == [[], [5, 5, 5, 5]]


def test_longest_prompt_that_fits_is_decoded_to_its_end() -> None:
    assert greedy(countdown, [[9, 9, 9, 50]], SHAPE) == [[49, 48, 47, 46]]


def test_prompt_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a prompt of 5 \+ 4 new tokens exceeds 8"):
        greedy(countdown, [[9] * 5], SHAPE)


def test_no_prompts_need_no_step() -> None:
    def never(ids: Tokens, last: Tokens) -> Tokens:
        raise AssertionError

    step: NextTokens = never
    assert greedy(step, [], SHAPE) == []


def test_progress_is_told_at_each_pass_and_at_the_end() -> None:
    told: list[int] = []
    greedy(countdown, [[1], [2], [3]], SHAPE, told.append)
    # two passes for the first two prompts, three for the third
    assert told == [0, 0, 2, 2, 2, 3]


def counting_model(ids: list[list[int]], shape: Shape) -> list[Tokens]:
    """A model's own loop, as MindFormers' is: each row ends after its end token, or where it may have no more."""
    rows = []
    for row in ids:
        prompt = [token for token in row if token != shape.pad]
        new = list(range(prompt[-1] - 1, EOS - 1, -1))[: shape.max_new_tokens]
        rows.append(np.array(prompt + new, np.int32))
    return rows


def test_models_own_loop_gives_what_greedy_decoding_gives() -> None:
    prompts = [[9, 9, 9, 3], [2], [9, 4], [50], [1]]
    assert generated(counting_model, prompts, SHAPE) == greedy(countdown, prompts, SHAPE)


def test_models_own_loop_gets_full_batches_of_one_length() -> None:
    seen: list[list[list[int]]] = []

    def recorded(ids: list[list[int]], shape: Shape) -> list[Tokens]:
        seen.append(ids)
        return counting_model(ids, shape)

    generated(recorded, [[9, 3], [2], [9, 9, 4]], SHAPE)
    assert seen == [[[2, PAD], [9, 3]], [[9, 9, 4], [9, 9, 4]]]


def test_models_own_loop_tells_its_progress() -> None:
    told: list[int] = []
    generated(counting_model, [[3], [2], [4]], SHAPE, told.append)
    assert told == [0, 2, 3]


def test_prompt_too_long_for_a_models_own_loop_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a prompt of 5 \+ 4 new tokens exceeds 8"):
        generated(counting_model, [[5] * 5], SHAPE)
