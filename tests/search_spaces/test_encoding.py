from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.distributions import CategoricalParameter, FloatParameter, IntParameter, SubsetParameter
from search_spaces.encoding import Encoding
from search_spaces.space import SearchSpace

SPACE = SearchSpace(
    {
        "rate": FloatParameter(type="float", low=1e-5, high=1e-3, log=True),
        "rank": IntParameter(type="int", low=1, high=16, log=True),
        "dropout": CategoricalParameter(type="categorical", choices=(0.0, 0.05, 0.1)),
        "targets": SubsetParameter(type="subset", of=("wq", "wk", "wv")),
        "warm": FloatParameter(type="float", low=0.0, high=1.0, when={"dropout": (0.05,)}),
    },
    {},
    {},
)
ENCODING = Encoding(SPACE)
PLAIN = Encoding(SearchSpace({name: SPACE.parameters[name] for name in ("rate", "rank", "dropout")}, {}, {}))


@settings(max_examples=200)
@given(st.lists(st.floats(0, 1), min_size=9, max_size=9))
def test_every_point_of_the_cube_stands_for_a_configuration_whose_own_point_gives_it_again(point: list[float]) -> None:
    assert ENCODING.dimensions == 9
    (params,) = ENCODING.decode(np.array([point]))
    assert ENCODING.decode(ENCODING.encode(params)[None]) == [params]
    # as a user would write it: raises where it is none of the space
    assert SPACE.encode(SPACE.configuration(params)) == params


def test_absent_parameter_makes_no_difference() -> None:
    base = ENCODING.encode({"rate": 1e-4, "rank": 4, "dropout": 0.0, "targets.wq": True, "targets.wk": False})
    assert base[8] == 0.5


def test_snapped_points_are_those_of_the_decoded_configurations() -> None:
    points = np.random.default_rng(1).random((50, PLAIN.dimensions))
    again = np.array([PLAIN.encode(params) for params in PLAIN.decode(points)])
    np.testing.assert_allclose(PLAIN.snap(points), again, atol=1e-12)


def test_all_integers_of_a_range_are_equally_likely_to_be_drawn() -> None:
    space = Encoding(SearchSpace({"layers": IntParameter(type="int", low=1, high=5)}, {}, {}))
    drawn = space.decode(np.linspace(0.0001, 0.9999, 1000)[:, None])
    assert [sum(params["layers"] == i for params in drawn) for i in range(1, 6)] == [200] * 5
