{{ group_figures({'level': 'level', 'category': 'category'}, []) }}
