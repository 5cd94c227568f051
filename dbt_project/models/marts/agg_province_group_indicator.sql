{{ group_figures(
    {'level': 'level', 'category': 'category', 'city': 'city_name'}, ['province_code']
) }}
